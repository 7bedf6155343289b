//! The two dialects, MQTT 3.1.1 and MQTT 5, brought to one shape: what arrives and what we answer.
//!
//! Differences that matter here: version 5 is told our limits in CONNACK (receive maximum, packet size, what we do not
//! offer), can be given another keep-alive, and hears *why* it is refused or disconnected. Version 3.1.1 can only be closed.

use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::packet::{
    AssignedClientIdentifier, MaximumQos, Packet, Property, Qos, ReceiveMaximum, RetainAvailable, ServerKeepAlive,
    SessionExpiryInterval, SharedSubscriptionAvailable, SubscriptionIdentifierAvailable, WildcardSubscriptionAvailable,
    v3_1_1 as v3, v5_0 as v5,
};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};

use super::CloseReason;
use crate::Limits;

/// A packet from the client, whatever its dialect.
pub(super) enum Received {
    Connect(Connect),
    Publish {
        topic: String,
        qos: Qos,
        packet_id: Option<u16>,
        payload: Vec<u8>,
    },
    Subscribe {
        packet_id: u16,
        filters: Vec<(String, Qos)>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
    /// PINGREQ and PUBACK: the codec answers and accounts for them itself.
    Handled,
    Disconnect,
    /// What this endpoint does not offer (QoS 2, AUTH).
    NotOffered,
}

/// What matters of a CONNECT.
pub(super) struct Connect {
    pub(super) version: Version,
    pub(super) keep_alive: u16,
    pub(super) will_topic: Option<String>,
    pub(super) anonymous: bool,
    pub(super) authenticates: bool,
}

/// Brings a packet to the common shape.
pub(super) fn received(packet: Packet) -> Received {
    match packet {
        Packet::V3_1_1Connect(connect) => Received::Connect(Connect {
            version: Version::V3_1_1,
            keep_alive: connect.keep_alive(),
            will_topic: connect.will_topic().map(str::to_owned),
            anonymous: connect.client_id().is_empty(),
            authenticates: false,
        }),
        Packet::V5_0Connect(connect) => Received::Connect(Connect {
            version: Version::V5_0,
            keep_alive: connect.keep_alive(),
            will_topic: connect.will_topic().map(str::to_owned),
            anonymous: connect.client_id().is_empty(),
            authenticates: connect.props().iter().any(|prop| matches!(prop, Property::AuthenticationMethod(_))),
        }),
        Packet::V3_1_1Publish(publish) => Received::Publish {
            topic: publish.topic_name().to_owned(),
            qos: publish.qos(),
            packet_id: publish.packet_id(),
            payload: publish.payload().as_slice().to_vec(),
        },
        Packet::V5_0Publish(publish) => Received::Publish {
            topic: publish.topic_name().to_owned(),
            qos: publish.qos(),
            packet_id: publish.packet_id(),
            payload: publish.payload().as_slice().to_vec(),
        },
        Packet::V3_1_1Subscribe(subscribe) => Received::Subscribe {
            packet_id: subscribe.packet_id(),
            filters: subscribe.entries().iter().map(|e| (e.topic_filter().to_owned(), e.sub_opts().qos())).collect(),
        },
        Packet::V5_0Subscribe(subscribe) => Received::Subscribe {
            packet_id: subscribe.packet_id(),
            filters: subscribe.entries().iter().map(|e| (e.topic_filter().to_owned(), e.sub_opts().qos())).collect(),
        },
        Packet::V3_1_1Unsubscribe(unsubscribe) => Received::Unsubscribe {
            packet_id: unsubscribe.packet_id(),
            filters: unsubscribe.entries().iter().map(|topic| topic.as_str().to_owned()).collect(),
        },
        Packet::V5_0Unsubscribe(unsubscribe) => Received::Unsubscribe {
            packet_id: unsubscribe.packet_id(),
            filters: unsubscribe.entries().iter().map(|topic| topic.as_str().to_owned()).collect(),
        },
        Packet::V3_1_1Pingreq(_) | Packet::V5_0Pingreq(_) | Packet::V3_1_1Puback(_) | Packet::V5_0Puback(_) => {
            Received::Handled
        }
        Packet::V3_1_1Disconnect(_) | Packet::V5_0Disconnect(_) => Received::Disconnect,
        _ => Received::NotOffered,
    }
}

/// CONNACK: accepted with our limits, or refused for a reason.
pub(super) fn connack(
    connect: &Connect,
    keep_alive: u16,
    refusal: Option<CloseReason>,
    limits: &Limits,
) -> Option<Packet> {
    if connect.version != Version::V5_0 {
        let code = match refusal {
            None => ConnectReturnCode::Accepted,
            Some(CloseReason::KeepAlive) => ConnectReturnCode::ServerUnavailable,
            Some(_) => ConnectReturnCode::NotAuthorized,
        };
        let connack = v3::Connack::builder().session_present(false).return_code(code).build();
        return connack.ok().map(Into::into);
    }
    let code = match refusal {
        None => ConnectReasonCode::Success,
        Some(CloseReason::Protocol) => ConnectReasonCode::BadAuthenticationMethod,
        Some(_) => ConnectReasonCode::NotAuthorized,
    };
    let mut props: Vec<Property> = Vec::new();
    if refusal.is_none() {
        props.push(ReceiveMaximum::new(u16::try_from(limits.in_flight_max).unwrap_or(u16::MAX)).ok()?.into());
        props.push(MaximumQos::new(1).ok()?.into());
        props.push(RetainAvailable::new(0).ok()?.into());
        props.push(WildcardSubscriptionAvailable::new(0).ok()?.into());
        props.push(SubscriptionIdentifierAvailable::new(0).ok()?.into());
        props.push(SharedSubscriptionAvailable::new(0).ok()?.into());
        props.push(SessionExpiryInterval::new(0).ok()?.into());
        if connect.anonymous {
            props.push(AssignedClientIdentifier::new("by-certificate").ok()?.into());
        }
        if keep_alive != connect.keep_alive {
            props.push(ServerKeepAlive::new(keep_alive).ok()?.into());
        }
    }
    let connack = v5::Connack::builder().session_present(false).reason_code(code).props(props).build();
    connack.ok().map(Into::into)
}

/// PUBACK of a completed publish.
pub(super) fn puback(version: Version, packet_id: u16) -> Option<Packet> {
    match version {
        Version::V5_0 => v5::Puback::builder().packet_id(packet_id).build().ok().map(Into::into),
        _ => v3::Puback::builder().packet_id(packet_id).build().ok().map(Into::into),
    }
}

/// SUBACK: QoS 1 or refused, filter by filter.
pub(super) fn suback(version: Version, packet_id: u16, granted: &[bool]) -> Option<Packet> {
    if version == Version::V5_0 {
        let code =
            |granted: &bool| if *granted { SubackReasonCode::GrantedQos1 } else { SubackReasonCode::NotAuthorized };
        let codes = granted.iter().map(code).collect();
        return v5::Suback::builder().packet_id(packet_id).reason_codes(codes).build().ok().map(Into::into);
    }
    let code = |granted: &bool| if *granted { SubackReturnCode::SuccessMaximumQos1 } else { SubackReturnCode::Failure };
    let codes = granted.iter().map(code).collect();
    v3::Suback::builder().packet_id(packet_id).return_codes(codes).build().ok().map(Into::into)
}

/// UNSUBACK for so many filters.
pub(super) fn unsuback(version: Version, packet_id: u16, filters: usize) -> Option<Packet> {
    match version {
        Version::V5_0 => {
            let codes = vec![UnsubackReasonCode::Success; filters];
            v5::Unsuback::builder().packet_id(packet_id).reason_codes(codes).build().ok().map(Into::into)
        }
        _ => v3::Unsuback::builder().packet_id(packet_id).build().ok().map(Into::into),
    }
}

/// A message to the gateway, QoS 1.
pub(super) fn publish(version: Version, topic: &str, packet_id: u16, payload: Vec<u8>) -> Option<Packet> {
    match version {
        Version::V5_0 => {
            let publish = v5::Publish::builder().topic_name(topic).ok()?;
            publish.qos(Qos::AtLeastOnce).packet_id(packet_id).payload(payload).build().ok().map(Into::into)
        }
        _ => {
            let publish = v3::Publish::builder().topic_name(topic).ok()?;
            publish.qos(Qos::AtLeastOnce).packet_id(packet_id).payload(payload).build().ok().map(Into::into)
        }
    }
}

/// The last word before we close; version 3.1.1 has none.
pub(super) fn farewell(version: Version, reason: CloseReason) -> Option<Packet> {
    let code = match (version, reason) {
        (Version::V5_0, CloseReason::Forbidden | CloseReason::NotAdmitted) => DisconnectReasonCode::NotAuthorized,
        (Version::V5_0, CloseReason::Unanswered) => DisconnectReasonCode::ServerBusy,
        (Version::V5_0, CloseReason::Protocol) => DisconnectReasonCode::ProtocolError,
        _ => return None,
    };
    v5::Disconnect::builder().reason_code(code).build().ok().map(Into::into)
}
