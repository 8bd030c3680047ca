#!/usr/bin/env python3
"""Judges exported logs without kaibiao: Python 3 and the openssl command, nothing else, and no network.

    judge.py [--trust VKEY] [--policy FILE] [--public] FOLDER ...
                                                      opening, ledger or access log, as FORMAT.md section 7 lays it out (or a bundle)
    judge.py --note VKEY FILE                         a signed note under one key
    judge.py --merkle FILE                            proof cases in JSON, as github.com/transparency-dev/merkle publishes them

Of a log: the checkpoint's form and signature, every entry's bytes and order, its disclosures, the root, the published tiles, no file
that does not belong there. Of the ledger also: every head signed, grown with proof, opened once and closed last; keys in succession;
batches and what is revealed of them. With --trust, of an opening also that its last head stands in the ledger under that key.
With --policy (C2SP tlog-policy), that the ledger's head, or the head of it that an opening is anchored in, is cosigned by that quorum.
--public does without disclosures. It does not judge the persons' acts, their certificates, nor the rules of an opening.
Exit: 0 all hold, 1 one does not (its line says why), 2 it could not be tried.
"""
import argparse, base64, binascii, functools, hashlib, json, os, re, struct, subprocess, sys, tempfile, unicodedata

NUMBER = re.compile(r"(0|[1-9][0-9]{0,15})\Z")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
MEMBERS = {"v": int, "log": str, "seq": int, "at": str, "type": str, "actor": dict, "command": str, "body": dict, "commit": dict}
SMALL_ORDER = {0, 1, 2**255 - 20, *(int.from_bytes(bytes.fromhex(y), "little") for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))}
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
leaf_hash = lambda data: sha(b"\0", data)
node_hash = lambda left, right: sha(b"\1", left, right)


class Refused(Exception):
    pass


def demand(holds, why):
    if not holds:
        raise Refused(why)


def shape(value, what, **kinds):
    """An object with these members, and no other, each of its kind. Of `object` is anything."""
    demand(isinstance(value, dict) and set(value) == set(kinds), f"{what} is malformed")
    for member, kind in kinds.items():
        demand(isinstance(value[member], kind) and (kind is not int or not isinstance(value[member], bool)), f"{what}: {member} is malformed")
    return value


def unbase64(text, url=False):
    """Base64 in its only canonical text."""
    demand(isinstance(text, str), "base64 is no text")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4) if url else text, b"-_" if url else None, validate=True)
    except (binascii.Error, ValueError):  # of what is not ASCII, too
        raise Refused("base64")
    encoded = (base64.urlsafe_b64encode(data).rstrip(b"=") if url else base64.b64encode(data)).decode()
    demand(encoded == text, "base64 is not canonical")
    return data


def check_values(value, depth=0):
    demand(depth <= 32, "too deep")
    if isinstance(value, str):
        demand(unicodedata.normalize("NFC", value) == value, "text is not in form C")
    demand(not isinstance(value, float) and (not isinstance(value, int) or abs(value) < 2**53), "a number that is no safe integer")
    for each in value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else []:
        check_values(each, depth + 1)


def canonical(data):
    """Reads JSON that is in RFC 8785 form, without fractions."""
    def sort(value):
        if isinstance(value, dict):
            return {key: sort(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
        return [sort(each) for each in value] if isinstance(value, list) else value
    try:
        value = json.loads(data.decode("utf-8"))
        check_values(value)
        written = json.dumps(sort(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refused("no JSON")
    demand(written == data, "not in canonical form")
    return value


# --- notes (C2SP signed-note, tlog-checkpoint) ---

@functools.lru_cache(maxsize=None)
def verify_ed25519(key, message, signature):
    """openssl knows no ZIP-215 leniency; keys of small order are refused before."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for path, data in zip(paths, (bytes.fromhex("302a300506032b6570032100") + key, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        asked = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin", "-in", paths[1], "-sigfile", paths[2]]
        return subprocess.run(asked, capture_output=True).returncode == 0


LOG, COSIGNER = 1, 4  # types of keys


def key_id(name, key, kind=LOG):
    return sha(name.encode(), b"\n", bytes([kind]), key)[:4]


def parse_vkey(vkey, kind=LOG):
    name, identity, key = (vkey.split("+", 2) + ["", ""])[:3]
    data = unbase64(key)
    demand(len(data) == 33 and data[0] == kind and name and identity == key_id(name, data[1:], kind).hex(), "vkey is malformed")
    check_key(data[1:])
    return name, data[1:]


def vkey_of(name, key):
    return f"{name}+{key_id(name, key).hex()}+{base64.b64encode(bytes([LOG]) + key).decode()}"


def check_key(key):
    y = int.from_bytes(key, "little") % 2**255
    demand(len(key) == 32 and y not in SMALL_ORDER and y < 2**255 - 19, "a weak key")


def read_note(note):
    """Its text, and [(name, key id, bytes)] of its signature lines."""
    demand(len(note) <= 16384 and not any(byte < 32 and byte != 10 for byte in note), "note is malformed")
    text, blank, signatures = note.rpartition(b"\n\n")
    demand(blank and signatures.endswith(b"\n"), "note is malformed")
    lines = []
    for line in signatures.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        parts = line.split(" ")
        demand(len(parts) == 3 and parts[0] == "\u2014" and parts[1] and "+" not in parts[1], "signature line is malformed")
        data = unbase64(parts[2])
        lines.append((parts[1], data[:4], data[4:]))
    return text + b"\n", lines


def open_note(note, name, key):
    """The text of a note, signed by this key."""
    text, lines = read_note(note)
    own = [data for line, identity, data in lines if (line, identity) == (name, key_id(name, key))]
    demand(all(len(data) == 64 and verify_ed25519(key, text, data) for data in own), "a known key's signature is bad")
    demand(own, "not signed by this key")
    return text


def is_cosigned(note, name, key):
    """Whether the cosigner of this key signed (C2SP tlog-cosignature): the time in seconds and the text."""
    text, lines = read_note(note)
    own = [data for line, identity, data in lines if (line, identity) == (name, key_id(name, key, COSIGNER))]
    for data in own:
        demand(len(data) == 72, f"the cosignature of {name} is malformed")
        message = b"cosignature/v1\ntime %d\n" % struct.unpack(">Q", data[:8]) + text
        demand(verify_ed25519(key, message, data[8:]), f"the cosignature of {name} is bad")
    return bool(own)


def read_policy(path):
    """A C2SP tlog-policy: the logs' vkeys, the cosigners {name: (key name, key)}, and the quorum: a name, or None for nobody."""
    logs, cosigners, groups, quorum = [], {}, {}, ""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file.read().split("\n")]
    for kind, *items in (words for words in lines if words and not words[0].startswith("#")):
        demand(not (kind in ("witness", "group") and (not items or items[0] in {"none", *cosigners, *groups})), "policy: a name is taken")
        if kind == "log" and len(items) in (1, 2):
            parse_vkey(items[0])
            logs.append(items[0])
        elif kind == "witness" and len(items) in (2, 3):
            cosigners[items[0]] = parse_vkey(items[1], COSIGNER)
        elif kind == "group" and len(items) > 2 and set(items[2:]) <= {*cosigners, *groups} and len(set(items)) == len(items):
            least = {"any": "1", "all": str(len(items) - 2)}.get(items[1], items[1])
            demand(NUMBER.match(least) and 0 < int(least) <= len(items) - 2, "policy: a group's number")
            groups[items[0]] = (int(least), items[2:])
        elif kind == "quorum" and len(items) == 1 and quorum == "" and items[0] in {"none", *cosigners, *groups}:
            quorum = None if items[0] == "none" else items[0]
        else:
            raise Refused(f"policy: a line of {kind}")
    demand(quorum != "", "policy: no quorum")
    demand(len({key for _, key in cosigners.values()}) == len(cosigners), "policy: a key twice")
    return logs, cosigners, groups, quorum


def signers_of(note, policy):
    """Who of the policy signed, and whether that is its quorum; of one that asks for nobody, None."""
    _, cosigners, groups, quorum = policy
    signed = {name for name, key in cosigners.items() if is_cosigned(note, *key)}
    def holds(name):
        least, members = groups.get(name, (1, [name]))
        return sum(each in signed if each in cosigners else holds(each) for each in members) >= least
    return signed, None if quorum is None else holds(quorum)


def is_vouched(note, policy):
    return signers_of(note, policy)[1] is True


def check_cosigned(note, vkey, policy, links, beside=True):
    """Returns: who signed, in words."""
    logs, cosigners, _, quorum = policy
    signed, enough = signers_of(note, policy)
    def is_listed(log):
        try:
            check_trusted(log, vkey, note, links, quorum is not None, beside)
            return True
        except Refused:
            return False
    demand(not logs or any(is_listed(log) for log in logs), "the policy lists another ledger")
    demand(enough is not False, f"cosigned by {len(signed)} of {len(cosigners)}: too few")
    return f", cosigned by {len(signed)} of {len(cosigners)}"


def open_checkpoint(note, name, key):
    lines = open_note(note, name, key).decode("utf-8").split("\n")
    demand(len(lines) == 4 and lines[3] == "" and NUMBER.match(lines[1]), "checkpoint is malformed")
    demand(lines[0] == name, "checkpoint of another log")
    root = unbase64(lines[2])
    demand(len(root) == 32, "a root has 32 bytes")
    return int(lines[1]), root


# --- trees (RFC 6962, RFC 9162 section 2.1.3) ---

def fold(stack, leaves):
    """Adds leaf hashes to the hashes of complete subtrees, [(leaves in it, hash)], the largest first."""
    for leaf in leaves:
        stack.append((1, leaf))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (_, right), (count, left) = stack.pop(), stack.pop()
            stack.append((2 * count, node_hash(left, right)))
    return stack


def root_of(leaves):
    return functools.reduce(lambda right, left: node_hash(left, right), [each for _, each in reversed(fold([], leaves))]) if leaves else sha()


def check_inclusion(index, size, leaf, proof, root):
    demand(0 <= index < size and len(leaf) == len(root) == 32, "inclusion: index beyond the tree, or no hashes")
    node, last, found = index, size - 1, leaf
    for step in proof:
        demand(last != 0 and len(step) == 32, "inclusion: proof is too long")
        if node & 1 or node == last:
            found = node_hash(step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    demand(last == 0 and found == root, "inclusion: another root")


def check_consistency(size1, size2, root1, root2, proof):
    demand(0 < size1 <= size2, "consistency: sizes")
    if size1 == size2:
        return demand(not proof and root1 == root2, "consistency: one size, two roots")
    steps = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    demand(steps and all(len(step) == 32 for step in steps), "consistency: proof is too short")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        demand(last != 0, "consistency: proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    demand(last == 0 and old == root1 and new == root2, "consistency: another root")


# --- folders (C2SP tlog-tiles) ---

def tile_path(level, index, width):
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    return f"tile/{level}/{'/'.join(groups)}{'' if width == 256 else f'.p/{width}'}"


def tiles_of(level, count):
    return [(tile_path(level, at // 256, min(256, count - at)), at, min(256, count - at)) for at in range(0, count, 256)]


def read(folder, path):
    place = os.path.join(folder, path)
    demand(os.path.isfile(place), f"{path} is missing")
    try:
        with open(place, "rb") as file:
            return file.read()
    except OSError:
        raise Refused(f"{path} is missing")


def read_line(folder, path):
    data = read(folder, path)
    demand(data.endswith(b"\n") and data.count(b"\n") == 1, f"{path} is malformed")
    return data[:-1].decode("utf-8")


def read_entries(folder, size):
    for path, _, width in tiles_of("entries", size):
        data, at = read(folder, path), 0
        for _ in range(width):
            demand(at + 2 <= len(data), f"{path} is cut off")
            (length,) = struct.unpack_from(">H", data, at)
            demand(at + 2 + length <= len(data), f"{path} is cut off")
            yield data[at + 2:at + 2 + length]
            at += 2 + length
        demand(at == len(data), f"{path} has more bytes")


def check_tiles(folder, leaves):
    """Published tiles are what the entries make. Returns: their paths."""
    level, hashes, paths = 0, leaves, []
    while hashes:
        for path, at, width in tiles_of(level, len(hashes)):
            demand(read(folder, path) == b"".join(hashes[at:at + width]), f"{path} differs")
            paths.append(path)
        hashes = [root_of(hashes[at:at + 256]) for at in range(0, len(hashes) - 255, 256)]
        level += 1
    return paths


# --- logs ---

OPENING_NAME = re.compile(r"(.+?)/opening/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])\Z")
PLATFORM_NAME = re.compile(r"(.+)/(ledger|access)\Z")


def split_origin(name):
    """The platform, and which kind of log of it this is. An opening may be called `ledger`."""
    found = OPENING_NAME.match(name)
    if found:
        return found[1], "opening"
    found = PLATFORM_NAME.match(name)
    demand(found, "no log of this format")
    return found[1], found[2]


def read_disclosures(folder, seq, commit):
    """The fields of an entry that are disclosed."""
    path = f"disclosures/{seq}.json"
    if not os.path.exists(os.path.join(folder, path)):
        return {}
    texts, fields = canonical(read(folder, path)), set()
    demand(isinstance(texts, list) and texts, f"{path} is malformed")
    for text in texts:
        demand(isinstance(text, str), f"{path} is malformed")
        parts = canonical(unbase64(text, url=True))
        demand(isinstance(parts, list) and len(parts) == 3 and isinstance(parts[1], str) and len(unbase64(parts[0], url=True)) == 32, f"{path} is malformed")
        digest = base64.urlsafe_b64encode(sha(text.encode())).rstrip(b"=").decode()
        demand(commit.get(parts[1]) == digest, f"{path}: {parts[1]} is not committed to")
        demand(parts[1] not in fields, f"{path}: {parts[1]} comes twice")
        fields.add(parts[1])
    return {path: fields}


def judge(folder, trust, public, policy):
    name, key = parse_vkey(read_line(folder, "vkey"))
    platform, kind = split_origin(name)
    note = read(folder, "checkpoint")
    size, root = open_checkpoint(note, name, key)
    demand(size > 0, "an empty log")
    leaves, listed, before, missing, last = [], {"vkey", "checkpoint"}, {}, {}, None
    ledger = Ledger(platform, key) if kind == "ledger" else None
    for seq, data in enumerate(read_entries(folder, size)):
        entry = canonical(data)
        members = {**MEMBERS, **({"receivedAt": str} if isinstance(entry, dict) and "receivedAt" in entry else {})}
        demand(shape(entry, f"entry {seq}", **members)["v"] == 1, f"entry {seq} is malformed")
        demand(entry["log"] == name, f"entry {seq} is of another log")
        demand(entry["seq"] == seq, f"entry {seq} says another number")
        for instant in {"at", "receivedAt"} & set(entry):
            demand(INSTANT.match(entry[instant]) and entry[instant] >= before.get(instant, ""), f"entry {seq}: {instant} goes back")
            before[instant] = entry[instant]
        demand(entry.get("receivedAt", "") <= entry["at"], f"entry {seq} was received after it was made")
        disclosed = read_disclosures(folder, seq, entry["commit"])
        listed |= set(disclosed)
        missing.update({(seq, field): True for field in set(entry["commit"]) - set().union(*disclosed.values())})
        if entry["type"] == "Erased":
            erased = [entry["body"].get(member) for member in ("seq", "field")]
            demand(type(erased[0]) is int and isinstance(erased[1], str), f"entry {seq} is malformed")
            # the signed act says what stands in any other field but the source, and goes with it
            for field in {erased[1], "act" if erased[1] != "source" else erased[1]}:
                missing.pop((erased[0], field), None)
        demand(seq > 0 or kind != "opening" or entry["body"].get("vkey") == read_line(folder, "vkey"), "the first entry names another key")
        if ledger:
            ledger.take(seq, entry)
        leaves.append(leaf_hash(data))
        if entry["type"] not in ("ErasureProposed", "Erased", "RoleAssigned"):  # what alone may stand behind the end
            last = entry
    has_ended = last["type"] == "OpeningArchived"
    demand(root_of(leaves) == root, "another root")
    demand(public or not missing, f"{len(missing)} disclosures are missing, the first of {min(missing, default='')}")
    listed |= {path for path, _, _ in tiles_of("entries", size)} | set(check_tiles(folder, leaves))
    if ledger:
        ledger.finish()
    elif kind == "access":
        links, paths = read_links(folder, vkey_of(f"{platform}/ledger", key), None)
        listed |= paths
    if kind != "opening":
        links = ledger.links if ledger else links
        check_trusted(trust, read_line(folder, "vkey"), note, links, policy and is_vouched(note, policy))
    anchored = check_cosigned(note, read_line(folder, "vkey"), policy, links) if ledger and policy else ""
    if os.path.isdir(os.path.join(folder, "anchor")):
        listed |= {f"anchor/{each}" for each in ("vkey", "checkpoint", "head.json", "opening.tlog-proof")}
        vkey, ledger_note = read_line(folder, "anchor/vkey"), read(folder, "anchor/checkpoint")
        links, paths = read_links(folder, vkey, ledger_note)
        listed |= paths
        check_anchor(folder, note, (name, key), size, has_ended)
        is_bundle = "manifest.json" in os.listdir(folder)  # whoever signs a head beside us could sign a manifest of his own
        check_trusted(trust, vkey, ledger_note, links, policy and is_vouched(ledger_note, policy), not is_bundle)
        anchored = ", anchored" if trust else ", anchored in a ledger whose key came with it"
        anchored += check_cosigned(ledger_note, vkey, policy, links, not is_bundle) if policy else ""
    demand(anchored or ledger or not (policy or trust and kind == "opening"), "not in the ledger")
    found = {os.path.relpath(os.path.join(path, each), folder) for path, _, files in os.walk(folder) for each in files}
    if "manifest.json" in found:
        listed |= check_manifest(folder, found, (name, size, base64.b64encode(root).decode(), has_ended))
    # time-stamps are openssl's to judge: openssl ts -verify -data anchor/checkpoint -in anchor/1.tsr -CAfile <roots>
    listed |= {each for each in found if anchored and re.fullmatch(r"anchor/[1-9]\.(tsr|pem|crl\.pem)", each)}
    for path in {each for each in found if re.fullmatch(r"evidence/[A-Za-z0-9_-]{43}", each)}:
        digest = base64.urlsafe_b64encode(sha(read(folder, path))).rstrip(b"=").decode()
        demand(path == f"evidence/{digest}", f"{path} is not its own digest")
        listed.add(path)
    demand(found <= listed, f"{min(found - listed, default='')} does not belong there")
    return f"{name}: {size} entries, root {base64.b64encode(root).decode()}{anchored}"


def check_manifest(folder, found, head):
    """The files of a bundle: every one listed and as it is listed, the list about this log and signed by the ledger's key. Returns: their paths."""
    data = read(folder, "manifest.json")
    manifest = canonical(data)
    name, size, root, has_ended = head
    said = {"v": 1, "origin": name, "size": size, "root": root, "standing": "complete" if has_ended else "open"}
    shape(manifest, "the manifest", v=int, origin=str, size=int, root=str, standing=str, files=list)
    files = [shape(file, "a file of the manifest", path=str, sizeBytes=int, sha256=str) for file in manifest["files"]]
    demand({**said, "files": files} == manifest, "the manifest is of another log")
    ledger, key = parse_vkey(read_line(folder, "anchor/vkey"))
    text = open_note(read(folder, "manifest.note"), f"{ledger.rsplit('/', 1)[0]}/bundle", key).decode()
    demand(text == f"kaibiao-bundle/v1\n{name}\n{base64.b64encode(sha(data)).decode()}\n", "the manifest's note is of another manifest")
    paths = [file["path"] for file in files]
    demand(sorted(paths) == sorted(found - {"manifest.json", "manifest.note"}), "the manifest lists other files")
    for file in files:
        content = read(folder, file["path"])
        holds = len(content) == file["sizeBytes"] and base64.b64encode(sha(content)).decode() == file["sha256"]
        demand(holds, f"{file['path']} is not as listed")
    return {"manifest.json", "manifest.note", *({"record.json", "policy.txt"} & found)}


def check_trusted(trust, vkey, note, links, vouched, beside=True):
    """The trusted key is the ledger's, or signs this head beside it, or links lead from it; one that others may have had, only where cosigners stand for the head."""
    if trust is None:
        return
    name, trusted = parse_vkey(trust)
    shown_name, shown = parse_vkey(vkey)
    demand(name in (shown_name, re.sub(r"/access\Z", "/ledger", shown_name)), "another ledger is trusted")
    trusted, shown = (base64.b64encode(each).decode() for each in (trusted, shown))
    lost = {link["replaces"] for link in links if "compromisedSince" in link}
    way = [trusted]
    for link in links:
        if link["replaces"] == way[-1] and way[-1] != shown:
            way.append(link["key"]["publicKey"])
    if trusted == shown:
        way = [trusted]
    elif beside and (trusted not in lost or way[-1] != shown) and is_signed(note, shown_name, unbase64(trusted)):
        way = [trusted]
    else:
        demand(way[-1] == shown, "not signed by the trusted key, nor does a way lead from it")
    demand(vouched or not lost & set(way), "others may have had the trusted key, or one on the way from it")


def is_signed(note, name, key):
    try:
        return bool(open_note(note, name, key))
    except Refused:
        return False


def read_proof(data):
    """A C2SP tlog-proof: index, hashes, and the note word for word."""
    magic, _, rest = data.decode("utf-8").partition("\n")
    proof, _, checkpoint = rest.partition("\n\n")
    index, *hashes = proof.split("\n")
    demand(magic == "c2sp.org/tlog-proof@v1" and index.startswith("index ") and NUMBER.match(index[6:]), "a proof is malformed")
    return int(index[6:]), [unbase64(each) for each in hashes], checkpoint.encode()


def check_anchor(folder, note, log_key, size, has_ended):
    vkey = read_line(folder, "anchor/vkey")
    head, checkpoint = read(folder, "anchor/head.json"), read(folder, "anchor/checkpoint")
    index, hashes, checkpoint_in_proof = read_proof(read(folder, "anchor/opening.tlog-proof"))
    demand(checkpoint_in_proof == checkpoint, "the anchor's proof has another checkpoint")
    ledger_size, ledger_root = open_checkpoint(checkpoint, *parse_vkey(vkey))
    check_inclusion(index, ledger_size, leaf_hash(head), hashes, ledger_root)
    entry = shape(canonical(head), "the anchor's head", **MEMBERS)
    body = shape(entry["body"], "the anchor's head", **HEAD)
    demand(entry["type"] == "Head" and body["checkpoint"].encode() == note and body["size"] == size, "the anchor is another head")
    demand(entry["log"] == parse_vkey(vkey)[0] and entry["seq"] == index, "the anchor is of another ledger")
    demand((body["kind"] == "closed") == has_ended, "the anchor and the log disagree on whether it has ended")


HEAD = {"kind": str, "origin": str, "size": int, "root": str, "checkpoint": str, "previousSize": int, "consistency": list}


@functools.lru_cache(maxsize=None)
def batch_root(seed, acts):
    """The root of a batch with these acts, and whether one of them is the seed's own dummy."""
    leaves = [leaf_hash(sha(seed, struct.pack(">I", place))) for place in range(4096)]
    has_dummy = any(len(leaf) != 32 or leaf == leaves[place] for place, leaf in acts)
    for place, leaf in acts:
        leaves[place] = leaf
    return root_of(leaves), has_dummy


def check_announcement(body, platform, what, at):
    """That a key of this platform follows another, as both have signed. Returns: the key."""
    since = {"compromisedSince": str} if "compromisedSince" in body else {}
    shape(body, what, key=dict, replaces=str, signatures=dict, **{"from": str}, **since)
    key = shape(body["key"], what, use=str, algorithm=str, publicKey=str)
    demand(key["algorithm"] == "Ed25519", f"{what}: key")
    instants = [body.get("compromisedSince", body["from"]), body["from"], at]
    demand(all(INSTANT.match(each) for each in instants) and instants == sorted(instants), f"{what}: instants")
    lines = ["kaibiao-key/v1", platform, key["use"], key["publicKey"], body["replaces"], body["from"], body.get("compromisedSince", "")]
    signatures = shape(body["signatures"], what, replaced=str, key=str)
    for signer, signature in (body["replaces"], signatures["replaced"]), (key["publicKey"], signatures["key"]):
        check_key(unbase64(signer))
        holds = verify_ed25519(unbase64(signer), "".join(f"{line}\n" for line in lines).encode(), unbase64(signature))
        demand(holds, f"{what}: announced without the key before it, or its own")
    return key


def read_links(folder, vkey, note):
    """How the ledger's keys followed one another, as it came beside a log, each proven under that head (none: under the first's own). Returns: links, paths."""
    links, paths, last = [], set(), -1
    while os.path.exists(os.path.join(folder, f"keys/{len(links) + 1}.json")) and len(links) < 99:
        path = f"keys/{len(links) + 1}"
        entry, (index, hashes, head) = canonical(read(folder, f"{path}.json")), read_proof(read(folder, f"{path}.tlog-proof"))
        name, key = parse_vkey(vkey)
        note = note or head
        demand(head == note, f"{path}: under another head")
        size, root = open_checkpoint(head, name, key)
        check_inclusion(index, size, leaf_hash(read(folder, f"{path}.json")), hashes, root)
        shape(entry, path, **MEMBERS)
        demand(entry["log"] == name and entry["seq"] == index > last and entry["type"] == "KeyAnnounced", f"{path}: out of order, or of another ledger")
        announced = check_announcement(entry["body"], name.rsplit("/", 1)[0], path, entry["at"])
        used = [each for link in links for each in (link["replaces"], link["key"]["publicKey"])]
        demand(announced["use"] == "ledger" and announced["publicKey"] not in [*used, entry["body"]["replaces"]], f"{path}: key")
        demand(not links or links[-1]["key"]["publicKey"] == entry["body"]["replaces"], f"{path}: follows another key")
        links.append(entry["body"])
        paths |= {f"{path}.json", f"{path}.tlog-proof"}
        last = index
    return links, paths


class Ledger:
    """What the ledger says of other logs, held against itself; section 5."""

    def __init__(self, platform, key):
        self.platform, self.key = platform, base64.b64encode(key).decode()
        self.keys, self.heads, self.batches, self.revealed, self.proposals = {}, {}, {}, set(), {}
        self.links, self.compromised = [], set()

    def take(self, seq, entry):
        body, kind = entry["body"], entry["type"]
        demand((kind == "LedgerOpened") == (seq == 0), f"entry {seq}: a ledger is opened once, at first")
        demand(re.fullmatch(r"[A-Z]\w*", kind) and hasattr(self, kind), f"entry {seq}: no {kind} on a ledger")
        try:
            getattr(self, kind)(seq, body, entry["at"])
        except (KeyError, TypeError, AttributeError, ValueError):
            raise Refused(f"entry {seq}: {kind} is malformed")
        demand(entry["actor"] == {"role": "operator" if kind.startswith("Trust") or kind in ("OperatorActed", "KeyAnnounced") else "platform"}, f"entry {seq}: role")

    def LedgerOpened(self, seq, body, _at):
        demand(body["platform"] == self.platform and body["formatVersion"] == 1, "another platform or format")
        for key in body["keys"]:
            check_key(unbase64(key["publicKey"]))
            demand(key["use"] not in self.keys, "two keys of one use")
            self.keys[key["use"]] = [key["publicKey"]]
        demand(set(self.keys) == {"openings", "ledger", "receipts"}, "a key is missing")

    def KeyAnnounced(self, seq, body, at):
        key = check_announcement(body, self.platform, f"entry {seq}", at)
        demand(self.keys[key["use"]][-1] == body["replaces"], f"entry {seq}: announced in the place of another key")
        demand(key["publicKey"] not in sum(self.keys.values(), []), f"entry {seq}: key")
        self.compromised |= {body["replaces"]} if "compromisedSince" in body else set()
        self.links += [body] if key["use"] == "ledger" else []
        self.keys[key["use"]].append(key["publicKey"])

    def TrustProposed(self, seq, body, at):
        demand(set(body) == {"change", "expires"} and body["expires"] > at, f"entry {seq} is malformed")
        self.proposals[seq] = body

    def TrustProposalWithdrawn(self, seq, body, _at):
        demand(self.proposals.pop(body["proposal"], None), f"entry {seq}: withdraws no open proposal")

    def TrustChanged(self, seq, body, at):
        demand(set(body) == {"proposal", "change", "from"}, f"entry {seq} is malformed")
        if body["proposal"] is not None:
            proposal = self.proposals.pop(body["proposal"], None)
            demand(proposal and proposal["change"] == body["change"] and at < proposal["expires"], f"entry {seq}: confirms no open proposal, or another change")

    def OperatorActed(self, seq, body, _at):
        demand(body == {}, f"entry {seq} is malformed")

    def RegisterBatch(self, seq, body, _at):
        demand(set(body) == {"depth", "root"} and body["depth"] == 12 and len(unbase64(body["root"])) == 32, f"entry {seq}: batch")
        self.batches[seq] = unbase64(body["root"])

    def DummiesRevealed(self, seq, body, _at):
        demand(set(body) == {"batch", "seed", "acts"} and len(body["acts"]) <= 1024, f"entry {seq} is malformed")
        demand(body["batch"] in self.batches and body["batch"] not in self.revealed, f"entry {seq}: reveals no batch, or one again")
        self.revealed.add(body["batch"])
        seed, places = unbase64(body["seed"]), [place for place, _ in body["acts"]]
        demand(len(seed) == 32 and places == sorted(set(places)) and all(0 <= place < 4096 for place in places), f"entry {seq}: places")
        root, has_dummy = batch_root(seed, tuple((place, unbase64(leaf)) for place, leaf in body["acts"]))
        demand(not has_dummy, f"entry {seq}: a dummy as an act")
        demand(root == self.batches[body["batch"]], f"entry {seq}: not what the batch held")

    def Head(self, seq, body, _at):
        origin, size = shape(body, f"entry {seq}", **HEAD)["origin"], body["size"]
        platform, of = split_origin(origin)
        demand(platform == self.platform and of != "ledger", f"entry {seq}: a foreign log")
        before = self.heads.get(origin)
        opens = body["kind"] == "opened"
        demand(opens == (before is None), f"entry {seq}: {'opened twice' if opens else 'never opened'}")
        demand(opens or before["kind"] != "closed" or body["kind"] == "closed", f"entry {seq}: behind the end of {origin}")
        demand(body["previousSize"] == (0 if opens else before["size"]), f"entry {seq}: not the head before")
        root = unbase64(body["root"])
        proof = [unbase64(each) for each in body["consistency"]]
        if opens:
            demand(not proof and size > 0, f"entry {seq}: a first head has no proof")
        else:
            check_consistency(before["size"], size, before["root"], root, proof)
        use = "openings" if of == "opening" else "ledger"
        for candidate in [before["key"]] if before else reversed(self.keys[use]):
            try:
                demand((size, root) == open_checkpoint(body["checkpoint"].encode(), origin, unbase64(candidate)), f"entry {seq}: another head signed")
                break
            except Refused as refused:
                why = refused
        else:
            raise Refused(f"entry {seq}: {why}")
        demand(before or candidate not in self.compromised, f"entry {seq}: {origin} begins under a key that others may have had")
        self.heads[origin] = {"kind": body["kind"], "size": size, "root": root, "key": candidate}

    def finish(self):
        demand(self.key in self.keys["ledger"], "the ledger names another key as its own")


def run_merkle(file):
    """Proof cases with their expected outcome. A good case whose values are not hashes is exempt, as its publisher says."""
    count = 0
    decode = lambda case, name: base64.b64decode(case[name] or "")
    for case in json.load(open(file, encoding="utf-8")):
        proof, is_inclusion = [base64.b64decode(each) for each in case["proof"] or []], "leafIdx" in case
        roots = [decode(case, name) for name in (("root",) if is_inclusion else ("root1", "root2"))]
        if not case["wantErr"] and any(len(root) != 32 for root in roots) or not is_inclusion and case["size1"] == 0:
            continue
        try:
            if is_inclusion:
                check_inclusion(case["leafIdx"], case["treeSize"], decode(case, "leafHash"), proof, roots[0])
            else:
                check_consistency(case["size1"], case["size2"], *roots, proof)
            demand(not case["wantErr"], f"{case['name']}: should be refused")
        except Refused as refused:
            if not case["wantErr"] or "should be" in str(refused):
                raise Refused(f"{case['name']}: {refused}")
        count += 1
    return f"{count} cases"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trust"), parser.add_argument("--note"), parser.add_argument("--public", action="store_true")
    parser.add_argument("--policy"), parser.add_argument("--merkle", action="store_true"), parser.add_argument("paths", nargs="+")
    asked, code = parser.parse_args(), 0
    for path in asked.paths:
        try:
            if asked.merkle:
                said = run_merkle(path)
            elif asked.note:
                said = open_note(open(path, "rb").read(), *parse_vkey(asked.note)).decode().strip()
            else:
                said = judge(path, asked.trust, asked.public, asked.policy and read_policy(asked.policy))
            said = f"valid {path}: {said}"
        except (Refused, UnicodeError) as refused:
            code, said = max(code, 1), f"refused {path}: {refused}"
        except OSError as error:
            code, said = 2, f"not tried {path}: {error}"
        # What a bundle says of itself commands no terminal.
        print("".join(each if each.isprintable() or asked.note and each == "\n" else "\ufffd" for each in said))
    return code


if __name__ == "__main__":
    sys.exit(main())
