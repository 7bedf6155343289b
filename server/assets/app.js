// Pages are complete without this file. It keeps the parts marked data-live fresh, and offers a copy button.
"use strict";
(() => {
  const every = 5000;
  const live = () => document.querySelectorAll("[data-live]");

  const refresh = async () => {
    if (document.hidden || live().length === 0) return;
    const held = document.activeElement;
    if (held && ["INPUT", "SELECT", "TEXTAREA"].includes(held.tagName)) return;
    try {
      const reply = await fetch(location.href, { credentials: "same-origin", headers: { accept: "text/html" } });
      if (!reply.ok || reply.redirected) return;
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of live()) {
        const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
        if (!fresh || part.contains(held)) continue;
        const copy = document.importNode(fresh, true);
        // What the reader has opened stays open.
        const details = copy.querySelector("details");
        if (details && part.querySelector("details[open]")) details.open = true;
        part.replaceWith(copy);
      }
      const footer = document.querySelector("footer");
      const newer = page.querySelector("footer");
      if (footer && newer) footer.replaceWith(document.importNode(newer, true));
    } catch {
      // The server cannot be reached; the page keeps what it has, with its time printed below.
    }
  };

  if (live().length > 0 && !new URLSearchParams(location.search).has("still")) setInterval(refresh, every);

  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", () => navigator.clipboard.writeText(source.textContent.trim()));
  }
})();
