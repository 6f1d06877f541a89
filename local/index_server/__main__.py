"""`python -m local.index_server --port P --folder F`: serve until SIGTERM or SIGINT."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from local.index_server.server import IndexServer
from local.index_server.store import IndexStore


def main() -> int:
    """Print the address once it is bound; on a signal stop taking requests and close the file."""
    parser = argparse.ArgumentParser(prog="python -m local.index_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--folder", type=Path, required=True, help="where the index's file is")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    options = parser.parse_args()
    try:
        server = IndexServer(options.host, options.port, IndexStore(options.folder))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2

    def stop(number: int, frame: FrameType | None) -> None:
        # From another thread: shutdown waits for serve_forever, which the handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"http://{options.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
