//! `gongzheng-page <program.wasm> <page.html>`: puts style, script and program into one HTML file, with a policy that allows
//! exactly these by their digests and nothing from outside.

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;

const PAGE: &str = include_str!("../page.html");
const STYLE: &str = include_str!("../page.css");
const SCRIPT: &str = include_str!("../page.js");

/// A source expression of the policy.
fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&protocol::sha256(text.as_bytes()).0))
}

fn page(program: &[u8]) -> String {
    // `wasm-unsafe-eval` is what WebAssembly needs and no more; the worker is made from this very script.
    let policy = format!(
        "default-src 'none'; script-src {} 'wasm-unsafe-eval'; style-src {}; worker-src blob:; base-uri 'none'; form-action 'none'",
        source(SCRIPT),
        source(STYLE)
    );
    PAGE.replace("@POLICY@", &policy)
        .replace("@STYLE@", STYLE)
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@SCRIPT@", SCRIPT)
        .replace("@PROGRAM@", &BASE64.encode(program))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, to] = arguments.as_slice() else { anyhow::bail!("gongzheng-page <program.wasm> <page.html>") };
    let bytes = std::fs::read(program).with_context(|| program.clone())?;
    ensure!(bytes.starts_with(b"\0asm"), "{program} is no WebAssembly");
    let page = page(&bytes);
    std::fs::write(to, &page).with_context(|| to.clone())?;
    println!("{:>12} bytes  {to}", page.len());
    Ok(())
}
