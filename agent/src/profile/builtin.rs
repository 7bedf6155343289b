//! The profiles that are part of the program.

/// `("id", "text of configs/devices/id.toml")`.
macro_rules! profile {
    ($id:literal) => {
        ($id, include_str!(concat!("../../../configs/devices/", $id, ".toml")))
    };
}

/// Name and text of each file of `configs/devices`, in the order of names; a test compares this list with the folder.
pub const BUILTIN: &[(&str, &str)] = &[profile!("eastron-sdm630")];

/// The text of a profile that is part of the program.
pub fn find(id: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
}
