//! The tree against RFC 6962's own examples and against itself; notes and checkpoints.

use protocol::{SecretKey, note, tree};

/// The eight leaves and roots of the Certificate Transparency reference tests.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_certificate_transparency() {
    let mut growing = tree::Tree::new();
    assert_eq!(growing.root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        growing.push(tree::leaf_hash(leaf));
        assert_eq!(growing.root().hex(), root);
    }
}

#[test]
fn every_proof_holds_and_no_other_does() {
    let leaves: Vec<_> = (0..40_u8).map(|i| tree::leaf_hash(&[i])).collect();
    for size in 1..=leaves.len() {
        let root = tree::root(&leaves[..size]);
        for index in 0..size {
            let proof = tree::inclusion_proof(&leaves[..size], index);
            assert!(tree::verify_inclusion(leaves[index], index as u64, size as u64, &proof, &root));
            assert!(!tree::verify_inclusion(leaves[(index + 1) % 40], index as u64, size as u64, &proof, &root));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!tree::verify_inclusion(leaves[index], index as u64, size as u64, shorter, &root));
            }
        }
        for old in 1..=size {
            let old_root = tree::root(&leaves[..old]);
            let proof = tree::consistency_proof(&leaves[..size], old);
            assert!(tree::verify_consistency(old as u64, &old_root, size as u64, &root, &proof), "{old} → {size}");
            let other = tree::root(&leaves[1..=old.min(39)]);
            assert!(!tree::verify_consistency(old as u64, &other, size as u64, &root, &proof), "{old} → {size}");
        }
    }
}

#[test]
fn tile_paths_are_those_of_c2sp() {
    assert_eq!(tree::tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(tree::entries_path(0, 17), "tile/entries/000.p/17");
    assert_eq!(tree::entries_paths(513).len(), 3);
}

#[test]
fn entry_bundles_round_trip_and_refuse_every_cut() {
    let bundle = tree::encode_entries(LEAVES).expect("small leaves");
    assert_eq!(tree::decode_entries(&bundle).expect("whole"), LEAVES);
    let whole: Vec<usize> = (0..=LEAVES.len()).map(|n| LEAVES[..n].iter().map(|l| l.len() + 2).sum()).collect();
    for cut in (0..bundle.len()).filter(|c| !whole.contains(c)) {
        assert!(tree::decode_entries(&bundle[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_checkpoint_holds_only_under_its_key_and_name_and_only_unaltered() {
    let key = SecretKey::from_seed(&[7; 32]);
    let verifier = note::VerifierKey::new("log.example", key.public()).expect("name");
    assert_eq!(note::VerifierKey::parse(&verifier.to_string()).expect("text form"), verifier);
    let checkpoint =
        note::Checkpoint { origin: "log.example/site-1".into(), size: 8, root: ROOTS[7].parse().expect("hex") };
    let signed = checkpoint.sign("log.example", &key).expect("sign");
    assert_eq!(note::Checkpoint::verify(&signed, &verifier).expect("holds"), checkpoint);
    let other = note::VerifierKey::new("log.example", SecretKey::from_seed(&[8; 32]).public()).expect("name");
    assert!(note::Checkpoint::verify(&signed, &other).is_err());
    for i in 0..signed.len() {
        let mut bytes = signed.clone().into_bytes();
        bytes[i] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(note::Checkpoint::verify(&text, &verifier).is_err(), "byte {i}");
        }
    }
}

/// C2SP ends the lines of a note by LF alone and has no other control character in it; base64 has one spelling.
#[test]
fn a_note_has_one_spelling() {
    let key = SecretKey::from_seed(&[7; 32]);
    let verifier = note::VerifierKey::new("log.example", key.public()).expect("name");
    let sign = |text: &str| note::sign(text, "log.example", &key).expect("sign");
    let root = note::Checkpoint { origin: "log.example/site-1".into(), size: 8, root: ROOTS[7].parse().expect("hex") };
    let signed = root.sign("log.example", &key).expect("sign");
    let (text, line) = signed.split_once("\n\n").expect("a blank line");
    let refused = |note: &str, why: &str| {
        assert!(note::Checkpoint::verify(note, &verifier).is_err(), "{why}");
        assert!(note::verify(note, &verifier).is_err(), "{why}");
    };
    // The signature covers the text alone: nothing but the format stands against other ends of the lines below it.
    refused(&format!("{text}\n\n{}\r\n", line.trim_end()), "a signature line ended by CR LF");
    refused(&format!("{text}\n\n{}", line.trim_end()), "a signature line that is not ended");
    refused(&format!("{text}\n\n\n{line}"), "a blank line among the signatures");
    for text in ["log.example/site-1\r\n8\r\n", "log.example/site-1\n8\n", "log.example/site-1\t\n8\n"] {
        let end = if text.contains('\r') {
            "\r\n"
        } else if text.contains('\t') {
            "\n"
        } else {
            "\n\u{1}\n"
        };
        let root = root.text();
        let root = root.lines().nth(2).expect("a root");
        refused(&sign(&format!("{text}{root}{end}")), "signed over text that no note has");
    }
    // The two bits behind the last byte are zeros: any other would be a second spelling of the same signature.
    let at = line.trim_end().trim_end_matches('=').len() - 1;
    let spelled = |c: char| format!("{text}\n\n{}{c}{}", &line[..at], &line[at + 1..]);
    assert!(note::verify(&spelled(char::from(line.as_bytes()[at])), &verifier).is_ok());
    refused(&spelled(char::from(line.as_bytes()[at] + 1)), "base64 with bits behind its last byte");
    refused(&format!("{text}\n\n{}\n", line.trim_end().trim_end_matches('=')), "base64 without padding");
}
