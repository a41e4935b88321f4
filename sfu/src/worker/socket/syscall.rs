//! The system calls that have no safe wrapper elsewhere: the only unsafe code of the workspace.
//!
//! Each function takes slices and gives slices; what the bytes mean is for the callers to know.
//! `recvmmsg(2)`, `sendmmsg(2)`, `setsockopt(2)` and `getsockopt(2)`, nothing more.
#![allow(unsafe_code)]

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use arrayvec::ArrayVec;

use super::address::RawAddress;
use super::control::{ReceiveControl, SendControl};

/// The most messages of one `recvmmsg`. What is left is taken by the next call.
pub(super) const RECEIVE_MESSAGES: usize = 32;

/// The most messages of one `sendmmsg`. From 32 on the call itself is no longer to be seen in the cost
/// per packet; 64 leaves room.
pub(super) const SEND_MESSAGES: usize = 64;

/// Where one received message came from and what came with it; its bytes are in the caller's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveSlot {
    pub(super) address: RawAddress,
    pub(super) control: ReceiveControl,
    /// How many bytes of the buffer are in use.
    pub(super) len: usize,
}

impl ReceiveSlot {
    /// Nothing received.
    pub(super) const EMPTY: Self = Self {
        address: RawAddress::EMPTY,
        control: ReceiveControl::EMPTY,
        len: 0,
    };
}

/// Where one message to be sent goes and what goes with it; its bytes are elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendSlot {
    pub(super) address: RawAddress,
    pub(super) control: SendControl,
}

impl SendSlot {
    /// To nowhere.
    pub(super) const EMPTY: Self = Self {
        address: RawAddress::EMPTY,
        control: SendControl::EMPTY,
    };
}

/// Receives as many messages as there are, slots, buffers of `stride` bytes, or
/// [`RECEIVE_MESSAGES`], whichever is least, and never waits. A message longer than `stride` is cut.
///
/// # Errors
/// `WouldBlock` if there is nothing, otherwise whatever `recvmmsg` says.
pub(super) fn receive_messages(
    socket: BorrowedFd<'_>,
    slots: &mut [ReceiveSlot],
    buffer: &mut [u8],
    stride: usize,
) -> io::Result<usize> {
    let mut vectors: ArrayVec<libc::iovec, RECEIVE_MESSAGES> = buffer
        .chunks_exact_mut(stride)
        .take(slots.len().min(RECEIVE_MESSAGES))
        .map(|chunk| libc::iovec {
            iov_base: chunk.as_mut_ptr().cast(),
            iov_len: chunk.len(),
        })
        .collect();
    let mut headers: ArrayVec<libc::mmsghdr, RECEIVE_MESSAGES> = ArrayVec::new();
    for (slot, vector) in slots.iter_mut().zip(&mut vectors) {
        slot.address.set_len(RawAddress::EMPTY.len());
        slot.control.set_len(ReceiveControl::EMPTY.len());
        let mut header = empty_header();
        header.msg_hdr.msg_name = slot.address.as_mut_ptr().cast();
        header.msg_hdr.msg_namelen = slot.address.len();
        header.msg_hdr.msg_iov = ptr::from_mut(vector);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = slot.control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = slot.control.len() as _;
        headers.push(header);
    }
    // SAFETY: `headers` is an array of `headers.len()` headers. Each points to an address, one vector
    // and a control buffer that are alive, not otherwise borrowed and as long as the header says: the
    // slots and the buffer are borrowed mutably by this function, and the vectors are its own. A null
    // timeout is allowed.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            headers.len() as libc::c_uint,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (slot, header) in slots.iter_mut().zip(&headers).take(received) {
        slot.len = header.msg_len as usize;
        slot.address.set_len(header.msg_hdr.msg_namelen);
        slot.control.set_len(header.msg_hdr.msg_controllen as _);
    }
    Ok(received)
}

/// Sends each payload with the slot beside it, the first [`SEND_MESSAGES`] of them, and never waits.
/// Gives how many were taken, in order; at least one.
///
/// # Errors
/// What the kernel says of the first message. What it says of a later one is learnt by the next call.
pub(super) fn send_messages(
    socket: BorrowedFd<'_>,
    slots: &[SendSlot],
    payloads: &[IoSlice<'_>],
) -> io::Result<usize> {
    let mut headers: ArrayVec<libc::mmsghdr, SEND_MESSAGES> = ArrayVec::new();
    for (slot, payload) in slots.iter().zip(payloads).take(SEND_MESSAGES) {
        let mut header = empty_header();
        header.msg_hdr.msg_name = slot.address.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = slot.address.len();
        header.msg_hdr.msg_iov = ptr::from_ref(payload).cast_mut().cast();
        header.msg_hdr.msg_iovlen = 1;
        if slot.control.len() > 0 {
            header.msg_hdr.msg_control = slot.control.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_controllen = slot.control.len() as _;
        }
        headers.push(header);
    }
    // SAFETY: `headers` is an array of `headers.len()` headers. Each points to an address, one vector
    // and a control buffer that are alive and as long as the header says, because slots and payloads
    // are borrowed by this function; `IoSlice` has the layout of `iovec`. Sending only reads through
    // those pointers, the `msg_len` that it writes is in `headers`.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            headers.len() as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    match usize::try_from(sent) {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        Ok(sent) => Ok(sent),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Sets a socket option whose value is an `int`.
///
/// # Errors
/// Whatever `setsockopt` says; `ENOPROTOOPT` if this kernel does not know it.
pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the pointer is to a live `int` and the length is that of an `int`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads a socket option whose value is an `int`.
///
/// # Errors
/// Whatever `getsockopt` says; `ENOPROTOOPT` if this kernel does not know it.
pub(super) fn option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer is to a live `int`, and `len` says that it has the length of one.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_mut(&mut value).cast(),
            &raw mut len,
        )
    };
    if result == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A header that points to nothing. Zeroed rather than written field by field, because C libraries
/// differ in padding fields that only they may name.
fn empty_header() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is a C structure of integers and raw pointers, for which all zeroes are valid.
    unsafe { mem::zeroed() }
}
