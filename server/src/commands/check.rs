//! `check`: parses the configuration and says what it means, without touching anything.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use server::config::Intake;

use super::{load, say};

pub(crate) fn run(config: &Path) -> Result<ExitCode> {
    let path = config.display();
    let config = load(config)?;
    println!("{path}: {}", say("配置有效", "the configuration is valid"));
    println!("  {}: {}", say("数据目录", "data"), config.data_dir.display());
    let scheme = if config.web.tls.is_some() { "https" } else { "http" };
    println!("  {}: {scheme}://{}", say("页面", "pages"), config.web.listen);
    match &config.intake {
        Intake::Endpoint { listen } => {
            println!("  {}: mqtts://{listen} ({})", say("网关", "gateways"), say("内置端点", "built-in endpoint"));
        }
        Intake::Broker { host, port, ca, .. } => {
            let scheme = if ca.is_some() { "mqtts" } else { "mqtt" };
            println!(
                "  {}: {scheme}://{host}:{port} ({})",
                say("网关", "gateways"),
                say("外部代理", "external broker")
            );
        }
    }
    println!("  {}: https://{}", say("入网", "enrolment"), config.enrol);
    super::witness::configured(&config);
    if config.misleads_gateways() {
        let (what, todo) = super::misleading_host(&config);
        println!("  {what}\n    {} {todo}", say("建议：", "hint:"));
    }
    match &config.checkpoint_copy {
        Some(folder) => println!("  {}: {}", say("检查点副本", "checkpoint copy"), folder.display()),
        None => println!(
            "  {}",
            say(
                "未设置 [log] checkpoint_copy：若从旧备份恢复，只能由网关或见证方发现",
                "no [log] checkpoint_copy: a restored backup would be noticed only by gateways or a witness"
            )
        ),
    }
    Ok(ExitCode::SUCCESS)
}
