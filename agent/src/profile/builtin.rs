//! The profiles that are part of the program.

/// `("id", "text of configs/devices/id.toml")`.
macro_rules! profile {
    ($id:literal) => {
        ($id, include_str!(concat!("../../../configs/devices/", $id, ".toml")))
    };
}

/// Name and text of each file of `configs/devices`, in the order of names; a test compares this list with the folder.
pub const BUILTIN: &[(&str, &str)] = &[
    profile!("acrel-adw300"),
    profile!("advantech-adam-6050"),
    profile!("carrier-30ev"),
    profile!("chint-dtsu666"),
    profile!("datakom-dk40"),
    profile!("delta-dvp"),
    profile!("delta-ms300"),
    profile!("delta-vfd-f"),
    profile!("dlt645-2007"),
    profile!("eastron-sdm120"),
    profile!("eastron-sdm630"),
    profile!("euromap-77"),
    profile!("fd-tms"),
    profile!("fireye-burnerpro"),
    profile!("honeywell-sola"),
    profile!("inovance-h5u"),
    profile!("longrun-lrf-3000s"),
    profile!("schneider-iem3000"),
    profile!("schneider-pm5000"),
    profile!("siemens-pac2200"),
    profile!("siemens-pac3200"),
    profile!("siemens-s7-opcua"),
    profile!("sunspec-inverter"),
    profile!("sunspec-inverter-float"),
    profile!("tuf-2000f"),
];

/// Where the text of a profile comes from, as its problems name it.
pub(crate) fn file(id: &str) -> String {
    format!("configs/devices/{id}.toml")
}

/// The text of a profile that is part of the program.
pub fn find(id: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
}
