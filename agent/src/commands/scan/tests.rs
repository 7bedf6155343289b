//! What is scanned, what is never asked, and what is found.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::device::Link;

#[test]
fn a_subnet_is_its_hosts_without_network_and_broadcast_address() {
    let found = hosts("192.168.1.77/24").expect("a subnet");
    assert_eq!(
        (found.len(), found[0].to_string(), found[253].to_string()),
        (254, "192.168.1.1".into(), "192.168.1.254".into())
    );
    assert_eq!(hosts("10.0.0.5").expect("one").len(), 1);
    assert_eq!(hosts("10.0.0.4/31").expect("a pair").len(), 2);
    assert_eq!(hosts("10.0.0.0/22").expect("the largest").len(), HOSTS_MAX);
    assert_eq!(hosts("255.255.255.252/30").expect("the last").len(), 2);
    for wrong in
        ["10.0.0.0/8", "10.0.0.0/33", "10.0.0", "224.0.0.1", "255.255.255.255", "0.0.0.0", "fe80::1", "10.0.0.0/x", ""]
    {
        assert!(hosts(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn units_never_include_a_broadcast() {
    assert_eq!("5,1-3,3".parse::<Units>().map(|u| u.iter().collect::<Vec<_>>()), Ok(vec![1, 2, 3, 5]));
    for wrong in ["0", "0-5", "248", "5-1", "", "a", "1,,2", "-", "1-300"] {
        assert!(wrong.parse::<Units>().is_err(), "{wrong}");
    }
}

/// A device with units 1 (answers), 2 (refuses) and 3 (a gateway without a device behind it); notes every request.
async fn device() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address").port().to_string();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let notes = notes.clone();
            tokio::spawn(async move {
                let mut frame = [0u8; 12];
                while stream.read_exact(&mut frame).await.is_ok() {
                    notes.lock().expect("lock").push(frame.to_vec());
                    let body: &[u8] = match frame[6] {
                        1 => &[1, 3, 2, 0x12, 0x34],
                        2 => &[2, 0x83, 2],
                        3 => &[3, 0x83, 0x0B],
                        _ => continue,
                    };
                    let mut answer = frame[..4].to_vec();
                    answer.extend([0, u8::try_from(body.len()).expect("short")]);
                    answer.extend(body);
                    if stream.write_all(&answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, heard)
}

#[tokio::test]
async fn values_and_refusals_are_devices_and_only_small_reads_are_sent() {
    let (port, heard) = device().await;
    let units: Units = "1-4".parse().expect("units");
    let carrier = Carrier::Tcp(format!("127.0.0.1:{port}"));
    let (sender, mut receiver) = mpsc::channel(8);
    let count = ask_units(&carrier, &units, Duration::from_millis(200), &profile::all().expect("profiles"), &sender)
        .await
        .expect("open");
    drop(sender);
    let mut found = Vec::new();
    while let Some(device) = receiver.recv().await {
        found.push(device);
    }
    assert_eq!(count, 2);
    assert_eq!(found.iter().map(|f| (f.unit, f.refused)).collect::<Vec<_>>(), [(1, None), (2, Some(2))]);
    for frame in heard.lock().expect("lock").iter() {
        assert!(frame[6] != 0, "a broadcast");
        assert!(matches!(frame[7], 3 | 4), "a read of registers: {frame:?}");
        assert!(frame[10] == 0 && frame[11] <= 32, "a few registers: {frame:?}");
    }
}

#[test]
fn what_was_found_is_a_section_the_configuration_accepts() {
    let serial =
        SerialPort { path: "/dev/ttyUSB0".into(), baud: 9_600, parity: Parity::Even, data_bits: 8, stop_bits: 1 };
    for (carrier, unit) in [(Carrier::Tcp("10.0.0.5:502".to_owned()), 1), (Carrier::Serial(serial), 17)] {
        let section =
            Found { carrier: carrier.clone(), unit, refused: Some(2), suggested: Vec::new() }.draft().section();
        let text = format!("[gateway]\nstate_dir = \"/tmp/gz-none\"\n{section}");
        let (config, _) = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let Link::Modbus(link) = &config.devices[0].link else { panic!("not Modbus") };
        assert_eq!((&link.carrier, link.unit), (&carrier, unit));
    }
}
