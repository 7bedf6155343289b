//! The piece-making machines of the workshop: press, machining centre, lathe, blister line.
//!
//! The numbers are chosen so that a shift looks like one in a small Chinese factory: OEE near 58 % before the retrofit
//! and near 66 % after it, and 6–10 % less electricity per good piece, mostly from changeovers, micro-stops and idling.

use super::discrete::{Band, Habits, Product, Profile};
use crate::calendar::{HOUR, MINUTE, SECOND};

const fn kw(centi: i64) -> i64 {
    centi * 10_000
}

const OFF: Band = Band {
    base: 2_000,
    span: 1_500,
};

/// Hydraulic press behind Modbus TCP: state code, good and reject counters, power meter.
pub static PRESS: Profile = Profile {
    id: "press",
    stream: 1,
    products: &[
        Product {
            code: 101,
            name: "BRACKET-L",
            pri_ms: 8_000,
        },
        Product {
            code: 102,
            name: "BRACKET-R",
            pri_ms: 8_500,
        },
        Product {
            code: 110,
            name: "COVER-20",
            pri_ms: 11_000,
        },
    ],
    load_ms: 0,
    off: OFF,
    idle: Band {
        base: kw(520),
        span: 400_000,
    },
    run: Band {
        base: kw(2_050),
        span: 2_400_000,
    },
    setup: Band {
        base: kw(480),
        span: 900_000,
    },
    fault: Band {
        base: kw(210),
        span: 300_000,
    },
    before: Habits {
        startup: 10 * MINUTE,
        handover: 8 * MINUTE,
        lot: 3 * HOUR,
        changeover: 30 * MINUTE,
        micro_every: 9 * MINUTE,
        micro: 45 * SECOND,
        fault_every: 11 * HOUR,
        fault: 38 * MINUTE,
        wait_every: 5 * HOUR,
        wait: 7 * MINUTE,
        cycle_permille: 1_205,
        scrap_ppm: 22_000,
        startup_scrap: 12,
        idle_permille: 1_000,
        break_permille: 1_000,
    },
    after: Habits {
        startup: 8 * MINUTE,
        handover: 6 * MINUTE,
        lot: 3 * HOUR,
        changeover: 19 * MINUTE,
        micro_every: 15 * MINUTE,
        micro: 38 * SECOND,
        fault_every: 12 * HOUR,
        fault: 32 * MINUTE,
        wait_every: 6 * HOUR,
        wait: 6 * MINUTE,
        cycle_permille: 1_165,
        scrap_ppm: 18_000,
        startup_scrap: 8,
        idle_permille: 640,
        break_permille: 200,
    },
};

/// CNC machining centre behind an OPC UA server: state, mode, part counter, programme name.
pub static CNC: Profile = Profile {
    id: "cnc",
    stream: 2,
    products: &[
        Product {
            code: 1,
            name: "O1001 FLANGE-A",
            pri_ms: 150_000,
        },
        Product {
            code: 2,
            name: "O1002 FLANGE-B",
            pri_ms: 186_000,
        },
        Product {
            code: 3,
            name: "O2040 HOUSING",
            pri_ms: 312_000,
        },
    ],
    load_ms: 0,
    off: OFF,
    idle: Band {
        base: kw(235),
        span: 150_000,
    },
    run: Band {
        base: kw(690),
        span: 3_100_000,
    },
    setup: Band {
        base: kw(260),
        span: 700_000,
    },
    fault: Band {
        base: kw(180),
        span: 100_000,
    },
    before: Habits {
        startup: 12 * MINUTE,
        handover: 8 * MINUTE,
        lot: 4 * HOUR,
        changeover: 46 * MINUTE,
        micro_every: 12 * MINUTE,
        micro: 50 * SECOND,
        fault_every: 14 * HOUR,
        fault: 42 * MINUTE,
        wait_every: 4 * HOUR,
        wait: 9 * MINUTE,
        cycle_permille: 1_200,
        scrap_ppm: 14_000,
        startup_scrap: 1,
        idle_permille: 1_000,
        break_permille: 1_000,
    },
    after: Habits {
        startup: 9 * MINUTE,
        handover: 6 * MINUTE,
        lot: 4 * HOUR,
        changeover: 29 * MINUTE,
        micro_every: 19 * MINUTE,
        micro: 42 * SECOND,
        fault_every: 16 * HOUR,
        fault: 36 * MINUTE,
        wait_every: 5 * HOUR,
        wait: 7 * MINUTE,
        cycle_permille: 1_180,
        scrap_ppm: 11_000,
        startup_scrap: 1,
        idle_permille: 700,
        break_permille: 330,
    },
};

/// An old lathe nobody can talk to: only its clamp meter speaks (Modbus RTU). The three power bands never overlap.
pub static LATHE: Profile = Profile {
    id: "lathe",
    stream: 3,
    products: &[Product {
        code: 1,
        name: "SHAFT",
        pri_ms: 95_000,
    }],
    load_ms: 26_000,
    off: Band {
        base: 1_000,
        span: 9_000,
    },
    idle: Band {
        base: kw(72),
        span: 180_000,
    },
    run: Band {
        base: kw(310),
        span: 3_900_000,
    },
    setup: Band {
        base: kw(74),
        span: 170_000,
    },
    fault: Band {
        base: 3_000,
        span: 6_000,
    },
    before: Habits {
        startup: 14 * MINUTE,
        handover: 12 * MINUTE,
        lot: 6 * HOUR,
        changeover: 25 * MINUTE,
        micro_every: 16 * MINUTE,
        micro: 55 * SECOND,
        fault_every: 30 * HOUR,
        fault: 50 * MINUTE,
        wait_every: 3 * HOUR,
        wait: 10 * MINUTE,
        cycle_permille: 1_120,
        scrap_ppm: 9_000,
        startup_scrap: 1,
        idle_permille: 1_000,
        break_permille: 1_000,
    },
    after: Habits {
        startup: 11 * MINUTE,
        handover: 9 * MINUTE,
        lot: 6 * HOUR,
        changeover: 18 * MINUTE,
        micro_every: 22 * MINUTE,
        micro: 48 * SECOND,
        fault_every: 32 * HOUR,
        fault: 46 * MINUTE,
        wait_every: 4 * HOUR,
        wait: 8 * MINUTE,
        cycle_permille: 1_095,
        scrap_ppm: 8_000,
        startup_scrap: 1,
        // Its own motor cannot be improved: the clamp band must stay recognisable.
        idle_permille: 1_000,
        break_permille: 1_000,
    },
};

/// Blister line of the packaging hall behind Modbus TCP; a change of batch means clearing the line.
pub static BLISTER: Profile = Profile {
    id: "blister",
    stream: 4,
    products: &[
        Product {
            code: 11,
            name: "TABLET-10",
            pri_ms: 1_500,
        },
        Product {
            code: 12,
            name: "CAPSULE-12",
            pri_ms: 1_800,
        },
    ],
    load_ms: 0,
    off: OFF,
    idle: Band {
        base: kw(320),
        span: 250_000,
    },
    run: Band {
        base: kw(1_020),
        span: 1_300_000,
    },
    setup: Band {
        base: kw(280),
        span: 300_000,
    },
    fault: Band {
        base: kw(190),
        span: 120_000,
    },
    before: Habits {
        startup: 12 * MINUTE,
        handover: 9 * MINUTE,
        lot: 5 * HOUR,
        changeover: 58 * MINUTE,
        micro_every: 7 * MINUTE,
        micro: 35 * SECOND,
        fault_every: 13 * HOUR,
        fault: 28 * MINUTE,
        wait_every: 5 * HOUR,
        wait: 6 * MINUTE,
        cycle_permille: 1_200,
        scrap_ppm: 16_000,
        startup_scrap: 60,
        idle_permille: 1_000,
        break_permille: 1_000,
    },
    after: Habits {
        startup: 9 * MINUTE,
        handover: 7 * MINUTE,
        lot: 5 * HOUR,
        changeover: 39 * MINUTE,
        micro_every: 11 * MINUTE,
        micro: 30 * SECOND,
        fault_every: 15 * HOUR,
        fault: 24 * MINUTE,
        wait_every: 6 * HOUR,
        wait: 5 * MINUTE,
        cycle_permille: 1_185,
        scrap_ppm: 13_000,
        startup_scrap: 40,
        idle_permille: 680,
        break_permille: 280,
    },
};
