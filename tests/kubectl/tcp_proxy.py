# tests/kubectl/tcp_proxy.py - forwards a loopback port to the API's unix socket, for clients that speak only TCP.
import socket
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(path)
        except OSError:
            client.close()
            continue
        threads = [
            threading.Thread(target=pump, args=pair, daemon=True) for pair in ((client, server), (server, client))
        ]
        for thread in threads:
            thread.start()

        def reap(threads=threads, client=client, server=server):
            for thread in threads:
                thread.join()
            client.close()
            server.close()

        threading.Thread(target=reap, daemon=True).start()


main()
