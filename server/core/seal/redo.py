#!/usr/bin/env python3
"""Opens a sealed bid again without kaibiao and holds it against what its bidder signed: Python 3 and the openssl command, nothing else.

    redo.py ENVELOPE STATEMENT KEY [-o ARCHIVE] [--no-tag] [--layer]

ENVELOPE   the sealed bid as it was lodged, of any size; it is read once, in pieces
STATEMENT  the lodgement statement, a compact JWS, or its payload as JSON
KEY        the content key: 64 hexadecimal digits, 32 bytes, or a file of either
ARCHIVE    where the opened archive is to be written; only what was found genuine is left there

It checks, in this order, as FORMAT.md says: envelopeSha256 and envelopeBytes, recipientInfosSha256, cekCommit, the tag,
contentCommit, openingListCommit. It knows both profiles of PROFILES.md, and the envelope must be of the one that was signed.

kaibiao-seal-1: GCM's ciphertext is AES-256-CTR from counter 2, which openssl undoes; the tag is GHASH, which is computed here,
slowly; with --no-tag it is left out and all goes as fast as openssl and SHA-256 are. kaibiao-seal-sm-1: SM4-CTR, which openssl
undoes, and HMAC-SM3, for which Python's hashlib has to know sm3; --no-tag leaves it out. contentCommit alone binds every byte of
the content to the statement: the tag adds only whether the envelope was made as it should.

A bid with a second layer is redone in two steps: with -o the outer envelope gives the inner one, which --layer holds against the
layer's promises in the same statement, with the inner content key.

It does not check the statement's signature nor the certificate, and does not read the list's meaning. Exit: 0 all is as
promised, 1 something is not (the line says what), 2 it could not be tried.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import threading
import zlib

CHUNK = 1 << 20
ELEMENT_LIMIT = 8192
LIST_NAME = b"opening-list.json"
LIST_LIMIT = 262144
OID_AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
OID_DATA = bytes.fromhex("06092a864886f70d010701")
# AES-256-GCM, a nonce of 12 bytes, a tag of 16
GCM_HEAD, GCM_TAIL = bytes.fromhex("060960864801650304012e3011040c"), bytes.fromhex("020110")
# id-alg-authEnc-256; then its parameters: PBKDF2 by HMAC-SM3, SM4-CTR with a counter block of 16 bytes, HMAC-SM3
SM_HEAD = bytes.fromhex("060b2a864886f70d0109100310")
SM_PARAMETERS_HEAD = bytes.fromhex("304ca01f06092a864886f70d01050c30120400020101300b06092a811ccf5501831102301c06082a811ccf550168070410")
SM_PARAMETERS_TAIL = bytes.fromhex("300b06092a811ccf5501831102")


class Wrong(Exception):
    """The bytes are not what the format or the statement says."""


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Source:
    """The envelope, read once from front to end, hashed on the way."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.hash = hashlib.sha256()
        self.buffer = b""
        self.at = 0
        self.position = 0

    def some(self, most):
        """At least one byte, at most so many."""
        if self.at == len(self.buffer):
            self.buffer = self.file.read(CHUNK)
            self.at = 0
            if not self.buffer:
                raise Wrong("envelope: truncated")
            self.hash.update(self.buffer)
        piece = self.buffer[self.at : self.at + most]
        self.at += len(piece)
        self.position += len(piece)
        return piece

    def take(self, count):
        parts = []
        while count > 0:
            piece = self.some(count)
            parts.append(piece)
            count -= len(piece)
        return b"".join(parts)

    def rest(self):
        """Reads to the end, for the hash. Returns: whether any byte was left."""
        left = self.at < len(self.buffer)
        self.position += len(self.buffer) - self.at
        self.at = len(self.buffer)
        while True:
            more = self.file.read(CHUNK)
            if not more:
                return left
            left = True
            self.hash.update(more)
            self.position += len(more)

    def head(self):
        """Tag, length (None: indefinite) and the bytes of both."""
        full = self.take(2)
        tag, first = full
        if first < 0x80:
            return tag, first, full
        if first == 0x80:
            return tag, None, full
        octets = self.take(first - 0x80)
        return tag, int.from_bytes(octets, "big"), full + octets


def expect(source, wanted, what):
    tag, length, _ = source.head()
    if tag != wanted:
        raise Wrong("envelope: no %s" % what)
    return None if length is None else source.position + length


def small(source, wanted, what):
    """A whole element of definite length, head included."""
    tag, length, full = source.head()
    if tag != wanted or length is None or length > ELEMENT_LIMIT:
        raise Wrong("envelope: no %s" % what)
    return full + source.take(length)


def close(source, end):
    if end is None:
        if source.take(2) != b"\0\0":
            raise Wrong("envelope: no end-of-contents octets")
    elif source.position != end:
        raise Wrong("envelope: a length that does not fit")


def open_envelope(source):
    """Up to the ciphertext. Returns: RecipientInfos, the cipher, the containers that are open."""
    outer = expect(source, 0x30, "ContentInfo")
    if small(source, 0x06, "content type") != OID_AUTH_ENVELOPED:
        raise Wrong("envelope: not AuthEnvelopedData")
    explicit = expect(source, 0xA0, "content")
    data = expect(source, 0x30, "AuthEnvelopedData")
    if small(source, 0x02, "version") != b"\x02\x01\x00":
        raise Wrong("envelope: another version")
    recipient_infos = small(source, 0x31, "RecipientInfos")
    content = expect(source, 0x30, "EncryptedContentInfo")
    if small(source, 0x06, "content type") != OID_DATA:
        raise Wrong("envelope: the content is not data")
    cipher = cipher_of(small(source, 0x30, "cipher")[2:])
    return recipient_infos, cipher, (outer, explicit, data, content)


def between(head, count, tail, der):
    """The bytes between these two, or None when it is not exactly that."""
    fits = der.startswith(head) and der.endswith(tail) and len(der) == len(head) + count + len(tail)
    return der[len(head) : len(head) + count] if fits else None


def cipher_of(der):
    nonce = between(GCM_HEAD, 12, GCM_TAIL, der)
    if nonce is not None:
        return Gcm(nonce)
    counter = between(SM_HEAD + SM_PARAMETERS_HEAD, 16, SM_PARAMETERS_TAIL, der)
    if counter is not None:
        return Sm(counter, der[len(SM_HEAD) :])
    raise Wrong("envelope: the cipher is neither AES-256-GCM (12 bytes of nonce, 16 of tag) nor SM4-CTR with HMAC-SM3")


def ciphertext(source):
    """The ciphertext in pieces: one string, or strings in strings of any depth."""
    tag, length, _ = source.head()
    if tag not in (0x80, 0xA0) or (tag == 0x80 and length is None):
        raise Wrong("envelope: no content")
    if tag == 0x80:
        while length > 0:
            piece = source.some(length)
            length -= len(piece)
            yield piece
        return
    nested = [None if length is None else source.position + length]
    gathered, gathered_bytes = [], 0
    while nested:
        if nested[-1] is not None and source.position == nested[-1]:
            nested.pop()
            continue
        tag, length, _ = source.head()
        if (tag, length) == (0, 0) and nested[-1] is None:
            nested.pop()
        elif tag == 0x24:
            nested.append(None if length is None else source.position + length)
        elif tag == 0x04 and length is not None:
            gathered.append(source.take(length))
            gathered_bytes += length
            if gathered_bytes >= CHUNK:
                yield b"".join(gathered)
                gathered, gathered_bytes = [], 0
        else:
            raise Wrong("envelope: the content is no string in pieces")
    yield b"".join(gathered)


def close_envelope(source, containers, tag_bytes):
    """Behind the ciphertext. Returns: the tag."""
    outer, explicit, data, content = containers
    close(source, content)
    tag = small(source, 0x04, "tag of %d bytes" % tag_bytes)
    if len(tag) != 2 + tag_bytes:
        raise Wrong("envelope: no tag of %d bytes" % tag_bytes)
    for end in (data, explicit, outer):
        close(source, end)
    return tag[2:]


class Ghash:
    """GHASH over a stream (NIST SP 800-38D §6.4), a block at a time by tables of the hash key for each byte of the block."""

    def __init__(self, key):
        self.tables = []
        power = int.from_bytes(key, "big")
        for _ in range(16):
            table = [0] * 256
            bit = 0x80
            while bit:
                table[bit] = power
                power = (power >> 1) ^ (0xE1 << 120 if power & 1 else 0)
                bit >>= 1
            for value in range(1, 256):
                low = value & -value
                if value != low:
                    table[value] = table[low] ^ table[value ^ low]
            self.tables.append(table)
        self.value = 0
        self.left = b""
        self.length = 0

    def update(self, data):
        self.length += len(data)
        data = self.left + data
        whole = len(data) & ~15
        self.left = data[whole:]
        value = self.value
        t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, ta, tb, tc, td, te, tf = self.tables
        from_bytes = int.from_bytes
        for at in range(0, whole, 16):
            a = (value ^ from_bytes(data[at : at + 16], "big")).to_bytes(16, "big")
            value = (
                t0[a[0]] ^ t1[a[1]] ^ t2[a[2]] ^ t3[a[3]] ^ t4[a[4]] ^ t5[a[5]] ^ t6[a[6]] ^ t7[a[7]]
                ^ t8[a[8]] ^ t9[a[9]] ^ ta[a[10]] ^ tb[a[11]] ^ tc[a[12]] ^ td[a[13]] ^ te[a[14]] ^ tf[a[15]]
            )
        self.value = value

    def digest(self):
        length = self.length
        if self.left:
            self.update(b"\0" * (16 - len(self.left)))
        self.update((length * 8).to_bytes(16, "big"))
        return self.value.to_bytes(16, "big")


def openssl_block(cek, block):
    """AES-256 of one block."""
    command = ["openssl", "enc", "-aes-256-ecb", "-nopad", "-K", cek.hex()]
    return subprocess.run(command, input=block, stdout=subprocess.PIPE, check=True).stdout


class Gcm:
    """AES-256-GCM of the profile kaibiao-seal-1."""

    profile = "kaibiao-seal-1"
    tag_bytes = 16

    def __init__(self, nonce):
        self.nonce = nonce

    def decryption(self, cek):
        return ["-aes-256-ctr", "-K", cek.hex(), "-iv", (self.nonce + b"\0\0\0\2").hex()]

    def tag(self, cek):
        return GcmTag(cek, self.nonce)


class GcmTag:
    def __init__(self, cek, nonce):
        self.ghash = Ghash(openssl_block(cek, bytes(16)))
        self.mask = openssl_block(cek, nonce + b"\0\0\0\1")
        self.update = self.ghash.update

    def digest(self):
        return bytes(a ^ b for a, b in zip(self.ghash.digest(), self.mask))


class Sm:
    """SM4-CTR with HMAC-SM3, encrypt-then-MAC (RFC 6476), of the profile kaibiao-seal-sm-1."""

    profile = "kaibiao-seal-sm-1"
    tag_bytes = 32

    def __init__(self, counter, parameters):
        self.counter = counter
        self.parameters = parameters

    def derive(self, cek, label):
        return hmac.new(cek, label + b"\0\0\0\1", "sm3").digest()

    def decryption(self, cek):
        return ["-sm4-ctr", "-K", self.derive(cek, b"encryption")[:16].hex(), "-iv", self.counter.hex()]

    def tag(self, cek):
        return hmac.new(self.derive(cek, b"authentication"), self.parameters, "sm3")


class FirstFile:
    """Catches the first file of the archive, which is the opening list, as the plaintext passes."""

    def __init__(self):
        self.begun = b""

    def update(self, data):
        if len(self.begun) < LIST_LIMIT + 2048:
            self.begun += data[: LIST_LIMIT + 2048 - len(self.begun)]

    def read(self):
        head = self.begun[:30]
        number = lambda at, width: int.from_bytes(head[at : at + width], "little")
        if len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise Wrong("openingListCommit: the content is no archive")
        name_bytes, extra_bytes, stored = number(26, 2), number(28, 2), number(18, 4)
        start = 30 + name_bytes + extra_bytes
        if self.begun[30 : 30 + name_bytes] != LIST_NAME or number(22, 4) > LIST_LIMIT:
            raise Wrong("openingListCommit: the first file is not opening-list.json")
        data = self.begun[start : start + stored]
        method = number(8, 2)
        if method == 8:
            data = zlib.decompressobj(-15).decompress(data, LIST_LIMIT)
        elif method != 0:
            raise Wrong("openingListCommit: the opening list is neither stored nor deflated")
        if len(data) != number(22, 4) or zlib.crc32(data) != number(14, 4):
            raise Wrong("openingListCommit: the opening list is damaged")
        return data


def decrypt(source, cek, cipher, check_tag, out):
    """Passes the content through openssl. Returns: contentCommit, the first file, the tag's computation or None."""
    commit = hmac.new(hashlib.sha256(b"bid-content-v1\0" + cek).digest(), digestmod=hashlib.sha256)
    first = FirstFile()
    tag = cipher.tag(cek) if check_tag else None
    command = ["openssl", "enc", "-d", *cipher.decryption(cek)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def drain():
        while True:
            plaintext = process.stdout.read(CHUNK)
            if not plaintext:
                return
            commit.update(plaintext)
            first.update(plaintext)
            if out:
                out.write(plaintext)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        for piece in ciphertext(source):
            if tag:
                tag.update(piece)
            process.stdin.write(piece)
    finally:
        process.stdin.close()
        reader.join()
    if process.wait() != 0:
        raise Wrong("openssl enc failed")
    return b64url(commit.digest()), first, tag


def list_commit(cek, list_bytes):
    """The digest of the disclosure [salt, "openingList", list], whose list is in the file in its one spelling already."""
    salt = b64url(hashlib.sha256(b"bid-list-salt-v1\0" + cek).digest())
    disclosure = b64url(b'["%s","openingList",%s]' % (salt.encode(), list_bytes))
    return b64url(hashlib.sha256(disclosure.encode()).digest())


def read_statement(path):
    with open(path, encoding="utf-8") as file:
        text = file.read().strip()
    if not text.startswith("{"):
        text = unb64url(text.split(".")[1]).decode()
    return json.loads(text)


def read_key(given):
    data = given.encode()
    if os.path.exists(given):
        with open(given, "rb") as file:
            data = file.read(200)
    key = data if len(data) == 32 else bytes.fromhex(data.decode("ascii").strip())
    if len(key) != 32:
        raise ValueError("a content key has 32 bytes")
    return key


def same(what, found, promised):
    if found != promised:
        raise Wrong("%s: %s found, %s promised" % (what, found, promised))
    print("ok %s %s" % (what, found))


def redo(arguments, out):
    promised = read_statement(arguments.statement)
    cek = read_key(arguments.key)
    source = Source(arguments.envelope)
    fault = None
    try:
        recipient_infos, cipher, containers = open_envelope(source)
        if cipher.profile != promised["profile"]:
            raise Wrong("profile: %s found, %s promised" % (cipher.profile, promised["profile"]))
        commit, first, computed = decrypt(source, cek, cipher, not arguments.no_tag, out)
        tag = close_envelope(source, containers, cipher.tag_bytes)
        if source.rest():
            raise Wrong("envelope: bytes behind its end")
    except Wrong as wrong:
        # whether these are the lodged bytes at all comes first: it decides at whose door the rest lies
        fault = wrong
        source.rest()
    if not arguments.layer:
        same("envelopeSha256", b64url(source.hash.digest()), promised["envelopeSha256"])
        same("envelopeBytes", source.position, promised["envelopeBytes"])
    if fault:
        raise fault
    if arguments.layer:
        # what lies under the outer layer is bound by its contentCommit; the layer promises the rest
        promised = {**promised, **promised["layer"]}
    else:
        same("recipientInfosSha256", b64url(hashlib.sha256(recipient_infos).digest()), promised["recipientInfosSha256"])
    same("cekCommit", b64url(hashlib.sha256(b"bid-cek-v1\0" + cek).digest()), promised["cekCommit"])
    if computed:
        same("tag", computed.digest().hex(), tag.hex())
    same("contentCommit", commit, promised["contentCommit"])
    if "layer" in promised and not arguments.layer:
        print("the archive lies under the second layer: redo what -o wrote with --layer and the inner key")
        return
    same("openingListCommit", list_commit(cek, first.read()), promised["openingListCommit"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("envelope")
    parser.add_argument("statement")
    parser.add_argument("key")
    parser.add_argument("-o", "--out")
    parser.add_argument("--no-tag", action="store_true", help="leave the tag out: contentCommit binds the content, and of GCM it is faster")
    parser.add_argument("--layer", action="store_true", help="the envelope is the inner one of a bid with a second layer")
    arguments = parser.parse_args()
    if arguments.out is None:
        redo(arguments, None)
        return
    # beside its place until everything has been found right
    folder = os.path.dirname(os.path.abspath(arguments.out))
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as out:
        try:
            redo(arguments, out)
        except BaseException:
            os.unlink(out.name)
            raise
    os.replace(out.name, arguments.out)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        print("NOT AS PROMISED %s" % wrong)
        sys.exit(1)
    except (OSError, ValueError, KeyError, IndexError, subprocess.CalledProcessError) as problem:
        print("could not be tried: %s" % problem, file=sys.stderr)
        sys.exit(2)
