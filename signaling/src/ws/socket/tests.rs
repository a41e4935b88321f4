use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// A client's frame: its first byte, and a payload that is masked with zeroes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(MASKED | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(MASKED | LONG);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(MASKED | LONGER);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const PING: u8 = 0x9;

async fn pair() -> (Socket<DuplexStream>, DuplexStream) {
    let (server, client) = duplex(1 << 20);
    (Socket::new(server).await, client)
}

async fn text(socket: &mut Socket<DuplexStream>) -> String {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return text.to_string(),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{other:?} came"),
        }
    }
}

#[test]
fn reading_stops_where_a_frame_and_a_message_end() {
    for payload in [0, 1, 125, 126, 65_535, 65_536] {
        // (first byte of each frame, and whether a message has ended with it)
        for frames in [
            &[(FIN | TEXT, true)][..],
            &[
                (TEXT, false),
                (FIN | PING, false),
                (FIN | CONTINUATION, true),
            ],
            &[(FIN | PING, true), (FIN | TEXT, true)],
        ] {
            let mut passage = Passage::default();
            for &(first, ends) in frames {
                let is_control = first & CONTROL != 0;
                let bytes = frame(first, &vec![7; if is_control { 5 } else { payload }]);
                let mut left = bytes.as_slice();
                while !left.is_empty() {
                    let allowed = passage.allowance();
                    assert!(
                        (1..=left.len()).contains(&allowed),
                        "{allowed} of {}",
                        left.len()
                    );
                    // The connection may have less than is allowed.
                    let (read, rest) = left.split_at(allowed.div_ceil(2));
                    passage.on_read(read);
                    let within = !rest.is_empty();
                    assert!(
                        !(within && passage.is_between_messages()),
                        "{payload} {first:#x}"
                    );
                    left = rest;
                }
                assert_eq!(passage.is_between_messages(), ends, "{payload} {first:#x}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_buffers_are_made_anew() {
    let (mut socket, mut client) = pair().await;
    let large = "x".repeat(60_000);
    let mut sent = Vec::new();
    for number in 0..20 {
        sent.extend(frame(FIN | TEXT, format!("before {number}").as_bytes()));
        let (head, tail) = large.split_at(40_000);
        sent.extend(frame(TEXT, head.as_bytes()));
        sent.extend(frame(FIN | PING, b"ping"));
        sent.extend(frame(FIN | CONTINUATION, tail.as_bytes()));
        sent.extend(frame(FIN | TEXT, format!("after {number}").as_bytes()));
    }
    let writing = tokio::spawn(async move {
        // In pieces that end anywhere.
        for piece in sent.chunks(7_919) {
            client.write_all(piece).await.expect("the server reads");
            tokio::task::yield_now().await;
        }
        client
    });
    for number in 0..20 {
        assert_eq!(text(&mut socket).await, format!("before {number}"));
        socket
            .send(Message::text("well"))
            .await
            .expect("it is taken");
        assert_eq!(text(&mut socket).await, large);
        socket
            .send(Message::text("well"))
            .await
            .expect("it is taken");
        assert!(!socket.is_large, "message {number}");
        assert_eq!(text(&mut socket).await, format!("after {number}"));
    }
    let mut client = writing.await.expect("it has written all");
    drop(socket);
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).await.expect("all answers");
    let pongs = answers.windows(4).filter(|bytes| bytes == b"ping").count();
    assert_eq!(pongs, 20, "each ping is answered");
}

#[tokio::test]
async fn buffers_stay_while_a_message_is_half_read() {
    let (mut socket, mut client) = pair().await;
    let message = frame(FIN | TEXT, &[b'y'; 10_000]);
    let (begin, end) = message.split_at(5_000);
    client.write_all(begin).await.expect("room");
    let waiting = std::time::Duration::from_millis(1);
    let nothing = tokio::time::timeout(waiting, socket.recv()).await;
    assert!(nothing.is_err(), "half a message is none");
    let large = Message::text("z".repeat(10_000));
    socket.send(large).await.expect("it is taken");
    assert!(
        socket.is_large,
        "what was read of the message would be lost"
    );
    client.write_all(end).await.expect("room");
    assert_eq!(text(&mut socket).await.len(), 10_000);
    socket
        .send(Message::text("well"))
        .await
        .expect("it is taken");
    assert!(!socket.is_large);
}
