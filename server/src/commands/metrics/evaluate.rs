//! `metrics evaluate`: reads plan and readings, evaluates, prints.

use std::process::ExitCode;

use anyhow::Result;
use server::evaluate::further::further;
use server::evaluate::rows::{Limits, Readings};
use server::evaluate::{Evaluation, Input, document, evaluate, read_plan, read_readings};

use super::super::{chinese, say};
use super::{BAD_ROWS, Evaluate, lines, refused};

/// Bad rows shown on a terminal; JSON has as many as are kept.
const BAD_ROWS_SHOWN: usize = 50;

pub(super) fn run(arguments: &Evaluate) -> Result<ExitCode> {
    let (plan, plan_input) = read_plan(&arguments.plan).map_err(|r| refused(&r))?;
    let read = read_readings(&arguments.readings, &plan.table, &plan.dialect, Limits::default());
    let (readings, input) = read.map_err(|r| refused(&r))?;
    let withheld = readings.bad.count > 0 && !arguments.accept_bad_rows;
    let evaluation = if withheld { None } else { Some(evaluate(&plan, &readings).map_err(|r| refused(&r))?) };
    let further = evaluation.as_ref().filter(|_| arguments.all).map(further);
    if arguments.json {
        let json = document::json(&plan_input, &input, &readings, evaluation.as_ref(), further.as_ref())?;
        super::print_bytes(&json)?;
    } else {
        let reader = lines::Reader { chinese: chinese() };
        let mut out = evaluation.as_ref().map_or_else(String::new, |e| lines::report(e, reader));
        out.push_str(&further.as_ref().map_or_else(String::new, |f| super::further::print(f, reader)));
        out.push_str(&read_part(&plan_input, &input, &readings, evaluation.as_ref()));
        super::print_bytes(out.trim_end().as_bytes())?;
    }
    if withheld {
        let count = readings.bad.count;
        eprintln!(
            "error: {}",
            say(
                &format!("不能使用的行：{count}，未作计算。改正后重试，或加 --accept-bad-rows 不计这些行"),
                &format!(
                    "{count} rows cannot be used, and nothing was evaluated. Correct them, or add --accept-bad-rows to leave them out"
                )
            )
        );
        return Ok(ExitCode::from(BAD_ROWS));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was read, what was left out, and what is wrong.
fn read_part(plan: &Input, input: &Input, readings: &Readings, evaluation: Option<&Evaluation>) -> String {
    let mut out = vec![say("读取的文件", "What was read")];
    for file in [plan, input] {
        out.push(format!("  {}  {} B  SHA-256 {}", file.file, file.bytes, file.sha256));
    }
    let (rows, used) = (readings.rows, readings.used());
    out.push(format!(
        "  {}",
        say(&format!("数据行：{rows}，采用的读数：{used}"), &format!("rows: {rows}, readings used: {used}"))
    ));
    let ignored = &readings.ignored;
    let mut left: Vec<(u64, String)> = vec![
        (ignored.duplicates, say("与前面的行完全相同的行", "rows that repeat one before them")),
        (
            ignored.not_good,
            say("质量不是 good 的读数，按缺口处理", "readings not of good quality, which count as gaps"),
        ),
        (ignored.empty_cells, say("空单元格，视为该时刻没有读数", "empty cells: no reading then")),
        (ignored.blank_lines, say("空行", "blank lines")),
    ];
    for (tag, count) in &ignored.tags {
        left.push((
            *count,
            say(&format!("{tag} 的读数，按方案不计"), &format!("readings of {tag}, left out as the plan says")),
        ));
    }
    left.push((ignored.other_tags, say("其他不计数据点的读数", "readings of further tags left out")));
    if let Some(e) = evaluation {
        let of = |tags: &[String]| tags.join(&say("、", ", "));
        let (unused, silent) = (of(&e.unused), of(&e.silent));
        left.push((e.out_of_reach, say("不在所评期间附近的读数", "readings too far from every period")));
        left.push((
            e.unused.len() as u64,
            say(&format!("没有设备使用的数据点（{unused}）"), &format!("tags that no machine uses ({unused})")),
        ));
        left.push((
            e.silent.len() as u64,
            say(&format!("没有读数的数据点（{silent}）"), &format!("tags without a reading ({silent})")),
        ));
    }
    left.retain(|(count, _)| *count > 0);
    if !left.is_empty() {
        out.push(say("未计入", "Left out"));
        out.extend(left.iter().map(|(count, what)| say(&format!("  {what}：{count}"), &format!("  {what}: {count}"))));
    }
    let bad = &readings.bad;
    if bad.count > 0 {
        let accepted =
            if evaluation.is_some() { say("，已按要求不计", ", left out as asked") } else { String::new() };
        let count = bad.count;
        out.push(say(
            &format!("不能使用的行：{count}{accepted}"),
            &format!("Rows that cannot be used: {count}{accepted}"),
        ));
        for row in bad.rows.iter().take(BAD_ROWS_SHOWN) {
            let (what, allowed) = (row.what.in_language(chinese()), row.allowed.in_language(chinese()));
            let (number, column) = (row.row, if row.column.is_empty() { "-" } else { &row.column });
            out.push(say(
                &format!("  第 {number} 行 {column}：{what}。应为：{allowed}"),
                &format!("  row {number}, {column}: {what}; allowed: {allowed}"),
            ));
        }
        if count > BAD_ROWS_SHOWN as u64 {
            out.push(format!(
                "  {}",
                say(
                    &format!("只列出前 {BAD_ROWS_SHOWN} 行，其余见 --json"),
                    &format!("the first {BAD_ROWS_SHOWN} are listed; --json has more")
                )
            ));
        }
    }
    out.join("\n") + "\n"
}
