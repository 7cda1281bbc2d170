//! Lines on their way to standard error: a thread of its own writes them, many at once where many come.
//!
//! Whoever reads our standard error may stop reading. Requests must not wait for that, so that lines beyond a bounded queue
//! are dropped, and how many is told.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that may wait, and their bytes.
const QUEUE: (usize, usize) = (8_192, 8 << 20);
/// How long the thread waits for more after it has written: one wake and one write for each line would cost more than the
/// line itself.
const GATHER: Duration = Duration::from_millis(10);
/// So much room is kept for the next lines.
const KEPT: usize = 64 << 10;
/// How long the end of the daemon waits for a reader that reads nothing.
const LAST: Duration = Duration::from_secs(1);

/// Where lines are put.
#[derive(Clone, Debug)]
pub struct Stderr(Arc<Shared>);

/// Ends the thread; what waits is written first.
#[derive(Debug)]
pub struct Guard {
    shared: Arc<Shared>,
    _thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    came: Condvar,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    lines: usize,
    dropped: u64,
    /// The thread waits for a first line.
    is_idle: bool,
    is_over: bool,
    is_done: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread, which writes to `to`.
pub fn start(to: impl Write + Send + 'static) -> (Stderr, Guard) {
    let shared = Arc::<Shared>::default();
    let own = Arc::clone(&shared);
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || run(&own, to));
    if thread.is_err() {
        // Without a thread nobody writes, and nothing may wait.
        shared.lock().is_done = true;
    }
    (Stderr(Arc::clone(&shared)), Guard { shared, _thread: thread.ok() })
}

fn run(shared: &Shared, mut to: impl Write) {
    let mut bytes = Vec::new();
    loop {
        let mut queue = shared.lock();
        while queue.lines == 0 {
            if queue.is_over {
                queue.is_done = true;
                shared.ended.notify_all();
                return;
            }
            queue.is_idle = true;
            queue = shared.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut bytes, &mut queue.bytes);
        let dropped = std::mem::take(&mut queue.dropped);
        (queue.lines, queue.is_idle) = (0, false);
        drop(queue);
        // Nobody is there who could be told of a failure.
        _ = to.write_all(&bytes);
        if dropped > 0 {
            _ = writeln!(to, "{dropped} lines of the log were dropped: nobody read them in time");
        }
        _ = to.flush();
        bytes.clear();
        bytes.shrink_to(KEPT);
        let queue = shared.lock();
        if !queue.is_over {
            drop(shared.came.wait_timeout(queue, GATHER));
        }
    }
}

impl Stderr {
    /// Adds a line, which ends with its line break.
    pub fn push(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.is_done || queue.lines >= QUEUE.0 || queue.bytes.len().saturating_add(line.len()) > QUEUE.1 {
            queue.dropped += 1;
            return;
        }
        queue.bytes.extend_from_slice(line);
        queue.lines += 1;
        if std::mem::take(&mut queue.is_idle) {
            drop(queue);
            self.0.came.notify_one();
        }
    }
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_over = true;
        self.shared.came.notify_one();
        let ended = self.shared.ended.wait_timeout_while(queue, LAST, |queue| !queue.is_done);
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Hands over what is written; with `0` places whoever writes waits until somebody takes it.
    struct Reader(mpsc::SyncSender<Vec<u8>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_comes_in_its_order() {
        let (sender, read) = mpsc::sync_channel(1 << 16);
        let (stderr, guard) = start(Reader(sender));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let stderr = stderr.clone();
                scope.spawn(move || (0..500).for_each(|n| stderr.push(format!("{thread} {n}\n").as_bytes())));
            }
        });
        drop(guard);
        let text = String::from_utf8(read.try_iter().flatten().collect()).unwrap();
        for thread in 0..4 {
            let own: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&format!("{thread} "))).collect();
            assert!(own.iter().enumerate().all(|(n, line)| *line == n.to_string()) && own.len() == 500, "{own:?}");
        }
        stderr.push(b"late\n");
        assert_eq!(stderr.0.lock().bytes.len(), 0, "nobody writes it any more");
    }

    #[test]
    fn nobody_waits_for_a_reader_that_reads_nothing() {
        let (sender, read) = mpsc::sync_channel(0);
        let (stderr, guard) = start(Reader(sender));
        stderr.push(b"first\n");
        // When this is there, the thread stands before its next write at the latest.
        assert_eq!(read.recv().unwrap(), b"first\n");
        for _ in 0..QUEUE.0 * 2 + 10 {
            stderr.push(b"x\n");
        }
        assert!(stderr.0.lock().dropped >= 10);
        stderr.push(&vec![b'y'; QUEUE.1]);
        let reading = std::thread::spawn(move || read.into_iter().flatten().collect::<Vec<u8>>());
        drop((guard, stderr));
        let text = String::from_utf8(reading.join().unwrap()).unwrap();
        assert!(text.contains(" lines of the log were dropped"), "{} bytes", text.len());
    }
}
