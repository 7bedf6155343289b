//! A witness: the program of a body that is *not* the server's operator. It cosigns a log's checkpoints as long as each
//! continues the one before, and so makes it impossible to rewrite what it has signed (C2SP `tlog-witness`, `tlog-cosignature`).
//!
//! Constraints
//! 1. It never cosigns two histories of one log. What it decides is [`decide`], a pure function of what it signed last, the
//!    request and the time; what it signed last is durable ([`store`]) *before* a cosignature leaves.
//! 2. State that is damaged is not state that never was: it then signs nothing for that log until a person has looked.
//! 3. What it will not sign it keeps as a file that anyone can check ([`crate::Conflict`]).
//! 4. Whatever arrives is a stranger's: bodies, connections, logs per key and findings are bounded ([`http`]).
//! 5. A new epoch of a log (a server restored from a backup) is cosigned only once the witness's operator has named it in the
//!    configuration: otherwise "restored" would be a word by which history could be begun anew.
//!
//! The only part of this crate that knows a network; left out where the feature `witness` is off.

mod clock;
mod config;
mod decide;
mod http;
mod key;
mod store;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

/// Prints the witness's key as readers and servers need it, makes it at first; nothing else.
///
/// # Errors
/// A file that cannot be read or written, in words.
pub fn show_key(config: &Path) -> anyhow::Result<String> {
    let config = config::Config::load(config)?;
    let store = store::Store::open(&config.state_dir)?;
    let (key, verifier) = key::open(&store, &config.name)?;
    // The certificate is what else the server needs, so it is made here too.
    http::tls(&config, &store)?;
    Ok(http::introduction(&config, &verifier, &key.public().fingerprint()))
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// A configuration, file or address that cannot be used, in words.
pub fn serve(config: &Path) -> anyhow::Result<()> {
    let config = config::Config::load(config)?;
    let store = store::Store::open(&config.state_dir)?;
    let (key, verifier) = key::open(&store, &config.name)?;
    let tls = http::tls(&config, &store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listen = config.listen;
        let listener = tokio::net::TcpListener::bind(listen)
            .await
            .with_context(|| format!("listen = \"{listen}\": the address cannot be used / 地址无法监听"))?;
        println!("{}", http::introduction(&config, &verifier, &key.public().fingerprint()));
        println!("listening / 正在监听: {}", listener.local_addr()?);
        let witness = Arc::new(http::Witness::new(config, store, key, verifier));
        http::serve(listener, tls, witness).await
    })
}
