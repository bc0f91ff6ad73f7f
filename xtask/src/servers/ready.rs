//! Whether a server answers, asked in its own protocol, so that no client has to be installed.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// PostgreSQL answers a login with an authentication message, or with an error while it starts up.
pub fn postgres(port: u16) -> bool {
    let ask = || -> Result<u8> {
        let mut stream = connect(port)?;
        // The length of the message, version 3.0 of the protocol, and who we are.
        stream.write_all(b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0")?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        Ok(kind[0])
    };
    matches!(ask(), Ok(b'R'))
}

/// MySQL and MariaDB speak first: four bytes of header, then version 10 of the protocol.
pub fn mysql(port: u16) -> bool {
    let ask = || -> Result<u8> {
        let mut greeting = [0; 5];
        connect(port)?.read_exact(&mut greeting)?;
        Ok(greeting[4])
    };
    matches!(ask(), Ok(10))
}

fn connect(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
