//! What `check` and `doctor` say of witnesses.

use server::admin::{Request, perform};
use server::config::Config;

use super::doctor::Report;
use super::{chinese, say};

/// The witnesses as configured, for `check`.
pub(super) fn configured(config: &Config) {
    if config.witnesses.is_empty() {
        println!(
            "  {}",
            say(
                "未设置 [[witness]]：没有其他单位见证站点日志，报告将注明未经见证",
                "no [[witness]]: nobody else vouches for the logs, and reports say that they were not witnessed"
            )
        );
    }
    for witness in &config.witnesses {
        let counts = config.operator.as_ref().is_some_and(|own| !own.is_same_body(&witness.operator));
        let counted = counted(counts);
        let body = witness.operator.name(chinese());
        println!("  {}: {body} · {} ({}){counted}", say("见证方", "witness"), witness.url, witness.key.name);
    }
}

/// What is added to a witness of the operator's own.
fn counted(counts: bool) -> String {
    if counts {
        String::new()
    } else {
        say("；与运营单位相同，不计为见证", "; the operator itself: does not count")
    }
}

/// How the witnesses stand, asked of the running server.
pub(super) async fn doctor(config: &Config, running: bool, report: &mut Report) {
    if config.witnesses.is_empty() {
        return report.warn(
            &say("未设置 [[witness]]：报告将注明未经见证", "no [[witness]]: reports say that they were not witnessed"),
            &say(
                "请另一家单位运行见证程序，见 docs/guides/run-a-witness.zh-CN.md",
                "ask another body to run one: docs/guides/run-a-witness.md",
            ),
        );
    }
    if !running {
        return report.warn(
            &say("服务未运行，无法得知各见证方的情况", "the server does not run: how the witnesses stand is not known"),
            &say("启动服务后再运行 doctor", "start it and run doctor again"),
        );
    }
    let status = perform(config, Request::Status).await.ok();
    let status: serde_json::Value = status.and_then(|reply| serde_json::from_str(&reply.data).ok()).unwrap_or_default();
    for site in status["sites"].as_array().into_iter().flatten() {
        for peer in site["witnessed"]["witnesses"].as_array().into_iter().flatten() {
            let text = |key: &str| peer[key].as_str().unwrap_or_default();
            let what = format!(
                "{} · {}: {}{}",
                site["id"].as_str().unwrap_or_default(),
                text("witness"),
                say(text("zh"), text("en")),
                counted(peer["counts"] == true)
            );
            let standing = peer["now"]["standing"].as_str();
            let todo = match standing {
                _ if peer["alarm"] == true => say(
                    "不要再出具报告，保留数据目录原样，向见证方索取其 findings 目录中的文件，查明原因",
                    "issue no more reports, leave the data directory as it is, ask the witness's operator for the files in its folder `findings`, and find out",
                ),
                Some("not_asked") => say("等一分钟后再试", "wait a minute and try again"),
                Some("unknown") => say(
                    "把上面的站点日志密钥和站点标识告知见证方，由其登记",
                    "give the witness's operator the log key above and the site's id, to be entered there",
                ),
                _ => say(
                    "网络、地址、证书与密钥是否正确？请与见证方核对",
                    "check network, address, certificate and key together with the witness's operator",
                ),
            };
            match (peer["alarm"] == true, standing) {
                (true, _) => report.bad(&what, &todo),
                (_, Some("cosigned")) => report.good(&what),
                _ => report.warn(&what, &todo),
            }
        }
    }
}
