"use strict";
(function () {
  // What runs in a worker, or here where workers are refused. `read(offset, length)` gives bytes of the bundle.
  function engine(program, bundle, trust, kept, read, say) {
    var memory;
    function bytes(at, length) { return new Uint8Array(memory.buffer, at >>> 0, length >>> 0); }
    var last = 0;
    var imports = { gz: {
      read_at: function (offset, into, length) {
        try { bytes(into, length).set(read(offset >>> 0, length >>> 0)); return 0; } catch (e) { return 1; }
      },
      progress: function (what, done, of) {
        var now = Date.now();
        if (now - last > 100 || done === of) { last = now; say(what, done, of); }
      }
    } };
    return WebAssembly.instantiate(program, imports).then(function (made) {
      var gz = made.exports;
      memory = gz.memory;
      function output() { return new TextDecoder().decode(bytes(gz.output(), gz.output_length())); }
      function give(file, take) {
        if (!file) { return; }
        var at = gz.input(file.length);
        bytes(at, file.length).set(file);
        if (take() !== 0) { throw new Error(output()); }
      }
      give(trust, gz.take_trust);
      give(kept, gz.take_kept);
      var code = gz.verify_bundle(bundle);
      if (code === 3) { throw new Error(output()); }
      return output();
    });
  }

  // Reads a file in blocks and keeps them while there is room: contents are asked for in the order of the log.
  function blocks(file, sync) {
    var SIZE = 1 << 20, ROOM = 640, kept = new Map();
    function slice(from, to) { return new Uint8Array(sync.readAsArrayBuffer(file.slice(from, to))); }
    function block(i) {
      var found = kept.get(i);
      if (!found) {
        if (kept.size >= ROOM) { return null; }
        found = slice(i * SIZE, Math.min(file.size, (i + 1) * SIZE));
        kept.set(i, found);
      }
      return found;
    }
    return function (offset, length) {
      var out = new Uint8Array(length), at = 0;
      while (at < length) {
        var place = offset + at, i = Math.floor(place / SIZE), found = block(i);
        if (!found) { out.set(slice(place, offset + length), at); return out; }
        var part = found.subarray(place - i * SIZE, Math.min(found.length, offset + length - i * SIZE));
        if (part.length === 0) { throw new Error("end of file"); }
        out.set(part, at);
        at += part.length;
      }
      return out;
    };
  }

  function worker() {
    self.onmessage = function (event) {
      var given = event.data;
      var read = blocks(given.bundle, new FileReaderSync());
      function say(what, done, of) { self.postMessage({ what: what, done: done, of: of }); }
      engine(given.program, given.bundle.size, given.trust, given.kept, read, say).then(
        function (json) { self.postMessage({ json: json }); },
        function (error) { self.postMessage({ error: String(error && error.message || error), kind: error && error.name }); });
    };
  }

  var TEXT = {
    zh: {
      title: "工证离线核验", about: "核对电子佐证包：签名、次序、站点日志、检查点，并由包内读数重新计算每一个数值。",
      drop: "把文件拖到这里，或逐个选择：", bundle: "佐证包（.gzbundle.zip）", trust: "信任文件（由促进中心等另行取得）",
      kept: "以前留存的检查点（可选）", go: "开始核验", offline: "本页不联网，文件不离开这台计算机。",
      simulated: "【模拟数据】本企业为模拟企业，数值没有真实设备支撑。", json: "核验结果（JSON，与命令行程序相同）",
      notice: "本核验只说明数据自网关读取以后是否被改动；不构成公证、计量检定或鉴定。", language: "English",
      verified: "核验通过", not_recomputed: "签名与站点日志无误，数值未复算", consistent_not_anchored: "内部一致，未锚定", refused: "核验不通过", failed: "无法核验",
      why_verified: "签名属于信任文件所列密钥，报告已由签名数据重新计算，逐字节一致。",
      why_not_recomputed: "签名属于信任文件所列密钥，但包内没有读数：数值是服务器的陈述。",
      why_consistent_not_anchored: "未提供信任文件：只能说明内部一致，不能说明出自谁手。",
      why_refused: "至少一处与签名数据不符，见下表。",
      findings: "核验发现", place: "位置", finding: "说明", more: "另有同类：",
      figures: "由签名数据重新计算的主要数值", metric: "指标", value: "数值", unit: "单位", bounds: "上下界", grade: "等级",
      compared: "改造前后对比", before: "基期", after: "报告期", relative: "相对变化", interval: "差值 95% 区间", statement: "结论",
      beside: "机器之间（非前后对比）", comparison: "对照机器", retrofitted: "改造机器", difference: "差值", grades: "等级 对照 / 改造",
      nothing: "没有重新计算任何数值：见上面的原因。", withheld: "不可核验的部分", gateway: "网关", records: "记录", readings: "读数",
      withheld_why: "下列记录的内容未随包提供，只有签名头；以其为据的数值不能复算。",
      outside: "报告期间以外未随包提供内容的记录（报告数值不以其为据）：",
      waits: "，本次核验结束后放入",
      phases: ["正在读取文件并计算摘要", "正在核对站点日志", "正在核对记录并重新计算"], begin: "正在开始",
      file_bundle: "佐证包 ", file_trust: "信任文件 ", file_kept: "留存检查点 ", bytes: "字节", comma: "；",
      slow: "此浏览器不允许后台线程：核验期间本页会停止响应，请等待。",
      old: "此浏览器太旧，不能运行核验程序（需要 Chromium 97 或更新，或 Firefox 102 或更新）。请改用 gongzheng-verify 命令行程序。",
      died: "核验程序在此浏览器中异常中止，可能内存不足。请关闭其他标签页后重试，或改用 gongzheng-verify 命令行程序。"
    },
    en: {
      title: "Gongzheng offline verifier", about: "Checks an evidence bundle: signatures, order, site log, checkpoint, and computes every number again from the readings inside.",
      drop: "Drop files here, or choose them:", bundle: "Bundle (.gzbundle.zip)", trust: "Trust file (obtained by another way)",
      kept: "Checkpoints kept from earlier (optional)", go: "Verify", offline: "This page uses no network; no file leaves this computer.",
      simulated: "[SIMULATED] No real machine stands behind these numbers.", json: "Outcome (JSON, as the command prints it)",
      notice: "This says whether data were altered after the gateway read them; it is not notarisation, metrological verification or appraisal.", language: "中文",
      verified: "VERIFIED", not_recomputed: "SIGNED, NOT RECOMPUTED", consistent_not_anchored: "CONSISTENT, NOT ANCHORED", refused: "REFUSED", failed: "CANNOT VERIFY",
      why_verified: "The signatures are by keys of the trust file, and the report was computed again from the signed contents: the same bytes.",
      why_not_recomputed: "The signatures are by keys of the trust file, but no readings are in the bundle: the numbers are the server's statement.",
      why_consistent_not_anchored: "No trust file: the bundle agrees with itself, but nothing says whose it is.",
      why_refused: "At least one place disagrees with what was signed; see below.",
      findings: "Findings", place: "place", finding: "finding", more: "and more of the kind: ",
      figures: "Main figures, computed again from the signed contents", metric: "metric", value: "value", unit: "unit", bounds: "bounds", grade: "grade",
      compared: "Before and after", before: "before", after: "after", relative: "relative", interval: "95 % interval of the difference", statement: "statement",
      beside: "Machines beside machines (not before and after)", comparison: "comparison", retrofitted: "retrofitted", difference: "difference", grades: "grades",
      nothing: "No number was computed again: see the reasons above.", withheld: "Not verifiable", gateway: "gateway", records: "records", readings: "readings",
      withheld_why: "The contents of these records are not in the bundle, only their signed headers; numbers that rest on them cannot be computed again.",
      outside: "Records outside the report's periods that came without contents (nothing in the report rests on them): ",
      waits: ": taken when this check is done",
      phases: ["reading and hashing files", "checking the log", "checking records and computing"], begin: "starting",
      file_bundle: "bundle ", file_trust: "trust file ", file_kept: "kept checkpoints ", bytes: "bytes", comma: "; ",
      slow: "This browser allows no background thread: the page will not answer until it is done.",
      old: "This browser is too old to run the verifier (Chromium 97 or newer, or Firefox 102 or newer). Use the program gongzheng-verify instead.",
      died: "The verifier stopped in this browser, perhaps for lack of memory. Close other tabs and try again, or use the program gongzheng-verify."
    }
  };
  var lang = /^zh/i.test(navigator.language || "zh") ? "zh" : "en";
  // What is shown, and the files it is about; and files dropped during a check, which wait for its end.
  var shown = null, asked = [], working = false, waiting = [];
  function $(id) { return document.getElementById(id); }
  function t(key) { return TEXT[lang][key]; }

  function words() {
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    document.title = t("title");
    Array.prototype.forEach.call(document.querySelectorAll("[data-t]"), function (e) { e.textContent = t(e.getAttribute("data-t")); });
    $("language").textContent = t("language");
    if (shown) { show(shown); }
    waits();
  }

  function element(name, text, kind) {
    var made = document.createElement(name);
    if (text !== undefined && text !== null) { made.textContent = text; }
    if (kind) { made.className = kind; }
    return made;
  }
  function table(title, heads, rows) {
    var box = $("tables");
    box.appendChild(element("h2", title));
    var scroll = element("div", null, "scroll"), made = element("table"), head = element("tr");
    // A heading stands where its column stands: numbers to the right.
    var plain = rows.filter(function (row) { return !row.kind; })[0];
    heads.forEach(function (text, i) { head.appendChild(element("th", text, plain && plain.cells[i] && plain.cells[i][1])); });
    made.appendChild(element("thead")).appendChild(head);
    var body = made.appendChild(element("tbody"));
    rows.forEach(function (row) {
      var line = element("tr", null, row.kind);
      row.cells.forEach(function (cell) {
        var td = element("td", cell[0], cell[1]);
        if (cell[2]) { td.colSpan = cell[2]; }
        line.appendChild(td);
      });
      body.appendChild(line);
    });
    scroll.appendChild(made);
    box.appendChild(scroll);
  }
  function short(value) {
    if (value === null || value === undefined) { return "—"; }
    return value.indexOf(".") < 0 ? value : value.replace(/0+$/, "").replace(/\.$/, "");
  }
  function bounds(lower, upper) {
    if (lower === null && upper === null) { return "—"; }
    if (lower === upper) { return "="; }
    return (lower === null ? "−∞" : short(lower)) + " … " + (upper === null ? "∞" : short(upper));
  }
  function named(line) {
    var name = line.names[lang];
    return !name ? line.machine : line.machine === "*" || name === line.machine ? name : name + " (" + line.machine + ")";
  }
  function unit(text) { return text === "1" ? "" : text; }

  function findings(outcome) {
    var counts = {}, rows = [];
    outcome.findings.forEach(function (f) {
      var kind = f.code + f.severity;
      counts[kind] = (counts[kind] || 0) + 1;
      if (counts[kind] > 10) { return; }
      var mark = f.severity === "ok" ? ["✓", "mark verified"] : f.severity === "note" ? ["•", "mark"] : ["✕", "mark refused"];
      rows.push({ cells: [mark, [f[lang]], [f.place, "place"]] });
    });
    Object.keys(counts).forEach(function (kind) {
      if (counts[kind] > 10) { rows.push({ cells: [["…", "mark"], [t("more") + (counts[kind] - 10)], [""]] }); }
    });
    table(t("findings"), ["", t("finding"), t("place")], rows);
  }
  function figures(outcome) {
    var part = null, rows = [];
    outcome.figures.periods.filter(function (f) { return f.main; }).forEach(function (f) {
      var of = named(f) + " · " + f.period_words[lang] + " " + f.from + "—" + f.to;
      if (of !== part) { part = of; rows.push({ kind: "part", cells: [[of, "", 5]] }); }
      rows.push({ cells: [[f.what[lang]], [f.undefined_words ? "— " + f.undefined_words[lang] : short(f.value), "number"], [unit(f.unit)],
        [bounds(f.lower, f.upper), "number"], [f.grade || "—"]] });
    });
    table(t("figures"), [t("metric"), t("value"), t("unit"), t("bounds"), t("grade")], rows);
    part = null;
    rows = [];
    outcome.figures.comparisons.forEach(function (c) {
      var of = named(c);
      if (of !== part) { part = of; rows.push({ kind: "part", cells: [[of, "", 7]] }); }
      var said = c.words[lang] + (c.caution_words.length ? " [" + c.caution_words.map(function (w) { return w[lang]; }).join(t("comma")) + "]" : "");
      rows.push({ cells: [[c.what[lang]], [short(c.before), "number"], [short(c.after), "number"], [unit(c.unit)],
        [short(c.relative), "number"], [bounds(c.lower, c.upper), "number"], [said]] });
    });
    if (rows.length) { table(t("compared"), [t("metric"), t("before"), t("after"), t("unit"), t("relative"), t("interval"), t("statement")], rows); }
    part = null;
    rows = [];
    (outcome.figures.beside || []).forEach(function (b) {
      var of = named(b);
      if (of !== part) { part = of; rows.push({ kind: "part", cells: [[of, "", 8]] }); }
      rows.push({ cells: [[b.what[lang]], [short(b.comparison), "number"], [short(b.retrofitted), "number"], [unit(b.unit)], [short(b.difference), "number"],
        [bounds(b.lower, b.upper), "number"], [(b.grades[0] || "—") + " / " + (b.grades[1] || "—")], [b.words[lang]]] });
    });
    if (rows.length) { table(t("beside"), [t("metric"), t("comparison"), t("retrofitted"), t("unit"), t("difference"), t("interval"), t("grades"), t("statement")], rows); }
  }
  function show(outcome) {
    shown = outcome;
    $("result").hidden = false;
    $("tables").textContent = "";
    $("verdict").className = outcome.verdict;
    $("verdict").textContent = t(outcome.verdict);
    $("what").textContent = outcome.error || t("why_" + outcome.verdict);
    $("simulated").hidden = !outcome.simulated;
    $("files").textContent = asked.filter(function (g) { return g[1]; }).map(function (g) {
      return t("file_" + g[0]) + g[1].name + " (" + g[1].size + " " + t("bytes") + ")";
    }).join(t("comma"));
    $("json").textContent = outcome.json || "";
    if (outcome.error) { return; }
    findings(outcome);
    if (outcome.figures) { figures(outcome); } else { $("tables").appendChild(element("p", t("nothing"))); }
    var needed = outcome.withheld.filter(function (w) { return w.needed_records > 0; });
    if (needed.length) {
      table(t("withheld"), [t("gateway"), t("records"), t("readings")], needed.map(function (w) {
        return { cells: [[w.gateway], [String(w.needed_records), "number"], [String(w.needed_readings), "number"]] };
      }));
      $("tables").appendChild(element("p", t("withheld_why"), "quiet"));
    }
    var outside = outcome.withheld.reduce(function (sum, w) { return sum + w.records - w.needed_records; }, 0);
    if (outside) { $("tables").appendChild(element("p", t("outside") + outside, "quiet")); }
  }

  function busy(is) {
    working = is;
    ["go", "bundle", "trust", "kept"].forEach(function (id) { $(id).disabled = is; });
    $("bar").hidden = $("state").hidden = !is;
    if (is) { return; }
    dropped(waiting.splice(0));
    waits();
  }
  function waits() {
    $("waiting").hidden = !waiting.length;
    $("waiting").textContent = waiting.map(function (file) { return file.name; }).join(t("comma")) + t("waits");
  }
  function say(what, done, of) {
    $("state").textContent = t("phases")[what] + " " + done + "/" + of;
    $("bar").value = of ? (what === 0 ? 0.15 : what === 1 ? 0.05 : 0.8) * done / of + [0, 0.15, 0.2][what] : 0;
  }
  function done(json) {
    busy(false);
    var outcome = JSON.parse(json);
    outcome.json = JSON.stringify(outcome, null, 2);
    show(outcome);
  }
  function failed(why) {
    busy(false);
    show({ verdict: "failed", error: why, simulated: false });
  }
  function whole(file) {
    return new Promise(function (resolve, reject) {
      if (!file) { resolve(null); return; }
      var reader = new FileReader();
      reader.onload = function () { resolve(new Uint8Array(reader.result)); };
      reader.onerror = function () { reject(new Error(file.name + ": " + reader.error)); };
      reader.readAsArrayBuffer(file);
    });
  }
  // Compiled at the first check and kept: whoever checks many bundles waits for it once.
  var compiled = null;
  function program() {
    if (!compiled) {
      var text = atob($("program").textContent.trim()), made = new Uint8Array(text.length);
      for (var i = 0; i < text.length; i += 1) { made[i] = text.charCodeAt(i); }
      compiled = WebAssembly.compile(made);
    }
    return compiled;
  }
  function background(given) {
    return new Promise(function (resolve, reject) {
      var source = '"use strict";' + engine + blocks + "(" + worker + ")();";
      var made;
      try {
        made = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      } catch (e) {
        e.refused = true;
        throw e;
      }
      made.onmessage = function (event) {
        var got = event.data;
        if (got.json !== undefined) { made.terminate(); resolve(got.json); }
        else if (got.error !== undefined) { made.terminate(); var e = new Error(got.error); e.name = got.kind; reject(e); }
        else { say(got.what, got.done, got.of); }
      };
      made.onerror = function (event) { made.terminate(); var e = new Error(event.message || "worker"); e.refused = true; reject(e); };
      made.postMessage(given);
    });
  }
  function foreground(given) {
    $("state").textContent = t("slow");
    return whole(given.bundle).then(function (file) {
      return new Promise(function (resolve) { setTimeout(resolve, 50); }).then(function () {
        return engine(given.program, file.length, given.trust, given.kept, function (offset, length) {
          if (offset + length > file.length) { throw new Error("end of file"); }
          return file.subarray(offset, offset + length);
        }, function () {});
      });
    });
  }
  function verify() {
    var bundle = $("bundle").files[0];
    if (!bundle) { return; }
    if (typeof WebAssembly !== "object" || typeof Promise !== "function") { failed(t("old")); return; }
    shown = null;
    asked = ["bundle", "trust", "kept"].map(function (id) { return [id, $(id).files[0]]; });
    $("result").hidden = true;
    busy(true);
    $("state").textContent = t("begin");
    Promise.all([program(), whole($("trust").files[0]), whole($("kept").files[0])]).then(function (had) {
      var given = { program: had[0], bundle: bundle, trust: had[1], kept: had[2] };
      return background(given).catch(function (e) { if (e.refused) { return foreground(given); } throw e; });
    }).then(done).catch(function (e) {
      // It does not know the program's instructions, or not the word of the policy that lets it run.
      failed(e.name === "CompileError" || e.name === "EvalError" ? t("old") + " (" + e.message + ")"
        : e.name === "RuntimeError" ? t("died") + " (" + e.message + ")" : e.message);
    });
  }
  function ready() { $("go").disabled = !$("bundle").files.length; }
  function put(input, file) {
    var list = new DataTransfer();
    list.items.add(file);
    input.files = list.files;
  }
  function dropped(files) {
    // The names shown beside the progress are those of the files that are checked: further ones wait.
    if (working) {
      waiting = waiting.concat(Array.prototype.slice.call(files));
      waits();
      return;
    }
    Array.prototype.forEach.call(files, function (file) {
      var id = /\.zip$/i.test(file.name) ? "bundle" : /\.json$/i.test(file.name) ? "trust" : "kept";
      put($(id), file);
    });
    ready();
  }
  $("form").addEventListener("submit", function (event) { event.preventDefault(); verify(); });
  $("bundle").addEventListener("change", ready);
  $("language").addEventListener("click", function () { lang = lang === "zh" ? "en" : "zh"; words(); });
  ["dragenter", "dragover", "dragleave", "drop"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      event.preventDefault();
      $("drop").className = name === "dragenter" || name === "dragover" ? "over" : "";
      if (name === "drop") { dropped(event.dataTransfer.files); }
    });
  });
  words();
}());
