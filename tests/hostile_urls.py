"""URLs and addresses that lead where nothing of ours may go, in all the forms that somebody takes for one."""

from typing import Final

FORBIDDEN_ADDRESSES: Final = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.170",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip
FORBIDDEN_URLS: Final = (
    # schemes
    "file:///etc/passwd", "ftp://example.org/a", "gopher://example.org/", "dict://example.org:11211/", "s3://bucket/a",
    "data:text/plain,a", "javascript:alert(1)", "//example.org/a", "example.org/a", "/etc/passwd", "", "http:",
    "http:///a", "https:example.org",
    # user names, and what different readers take for one
    "https://user@example.org/", "https://user:secret@example.org/", "https://@example.org/",
    "https://example.org@127.0.0.1/", "https://example.org%40127.0.0.1/", "http://127.0.0.1\\@example.org/",
    "http://example.org\\a", "http://[::1]@example.org/",
    # addresses in all forms
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
    "http://127.1/", "http://127.0.1/", "http://127.0.0.1./", "http://0/", "http://0x/", "http://127.0.0.0x1/",
    "http://8.8.8/", "http://08.8.8.8/", "http://1.1.1.1.1/", "http://256.1.1.1/", "http://example.127/",
    "http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:ffff:7f00:1]/", "http://[::ffff:7f00:1]/", "http://[fe80::1%25eth0]/",
    "http://[::1]x/", "http://[::1", "http://::1/", "http://[]/", "http://[v1.a]/", "http://[127.0.0.1]/",
    # names
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://a.localhost/", "http://printer/",
    "http://metadata/", "http://metadata.google.internal/", "http://nas.local/", "http://router.home.arpa/",
    "http://.example.org/", "http://example..org/", "http://example.org./", "http://-/", "http://ex ample.org/",
    "http://ex%61mple.org/", "http://" + "a" * 64 + ".org/", "http://" + "a." * 127 + "org/", "http://exämple.org/",
    # ports
    "http://example.org:22/", "http://example.org:25/", "http://example.org:0/", "http://example.org:1023/",
    "http://example.org:65536/", "http://example.org:99999/", "http://example.org:-1/", "http://example.org:+80/",
    "http://example.org:80:80/", "http://example.org:/", "http://example.org:8080a/",
    # what does not belong into a line of a request
    "http://example.org/a b", "http://example.org/\r\nHost: a", "http://example.org/\t", "\nhttp://example.org/",
    "http://example.org/\x00", "http://example.org/é", "https://example.org/" + "a" * 8_192,
)  # fmt: skip
