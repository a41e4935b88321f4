//! Messages that clients send over the WebSocket.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::Request;

fuzz_target!(|text: &str| {
    if let Ok(request) = Request::parse(text) {
        let again = serde_json::to_string(&request).expect("what was read can be written");
        let again = Request::parse(&again).expect("and read again");
        assert_eq!(request, again);
    }
});
