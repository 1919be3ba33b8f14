//! Runs as they are: the real program as engine, real commands as steps, a real socket; killed, doubled, starved and
//! left alone.

mod session {
    mod crash;
    mod disk;
    mod people;
    mod support;
}
