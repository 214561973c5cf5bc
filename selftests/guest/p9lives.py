# SPDX-License-Identifier: GPL-2.0
"""The 9P client of a stock kernel on ferry: four exports, three cache modes, three dialects, one guest.

In a brief run (FERRY_TEST_BRIEF) each security model and each cache mode is there, but not each pair of them,
and the big directory is smaller.

What the guest does is judged in the guest, and what it leaves is judged on the host by the security
model of each export.
"""

import contextlib
import hashlib
import os
import stat

import guestlib as g
import p9lib as p9

MANY = 2000 if g.WHOLE else 500
LONG = "n" * 255
DATA = os.urandom(500001)
STABLE = os.urandom(20).hex()
EXPORTS = {"mapped": "security_model=mapped-xattr,dmode=0750",
           "pass": "security_model=passthrough,poll-us=20",
           "none": "security_model=none,writeout=immediate",
           "ro": "security_model=mapped,readonly=on"}
CACHES = ("none", "mmap", "loose")
PAIRS = [(tag, cache) for tag in ("mapped", "pass") for cache in CACHES] if g.WHOLE else \
        [("mapped", "mmap"), ("pass", "loose")]
PAIRS.append(("none", "none"))

GUEST = f"""
files() {{ # TAG CACHE: a life of files in /mnt/CACHE
	step "$1 cache=$2"
	attach $1 /mnt cache=$2,msize=262168
	ok mkdir /mnt/$2
	cd /mnt/$2 || return
	echo "guest-sum $1 $2 $(sha256sum </mnt/from-host)"
	cat ../from-host ../from-host >both || fail "writing"
	echo 3 >/proc/sys/vm/drop_caches
	is "what was written" "$(sha256sum <both)" "$(cat ../from-host ../from-host | sha256sum)"
	echo tail >>both
	is "the size" $(stat -c %s both) {2 * len(DATA) + 5}
	ok mv both renamed
	no stat both
	echo other >target
	ok ln target second
	is "the number of links" $(stat -c %h target) 2
	ok mv renamed target
	is "the second name" "$(cat second)" other
	ok mkdir dir
	echo inner >dir/file
	no rmdir dir
	ok mv dir/file dir/moved
	ok mv dir subdir
	is "the moved file" "$(cat subdir/moved)" inner
	ok p9_file unlinked open
	ok p9_file lock locked
	ok ln -s target link
	is "the link" "$(readlink link)" target
	is "what it leads to" "$(stat -L -c %s link)" {2 * len(DATA) + 5}
	ok touch {LONG}
	no touch {LONG}n
	is "the long name" "$(ls | grep -c '^{LONG}$')" 1
	cp ../from-host cut
	ok truncate -s 70001 cut
	is "the cut size" $(stat -c %s cut) 70001
	ok truncate -s 90001 cut
	is "the cut file" "$(sha256sum <cut)" \
		"$({{ head -c 70001 ../from-host; head -c 20000 /dev/zero; }} | sha256sum)"
	ok chmod 640 target
	ok chown 1000:1001 target
	ok touch -d @1000000000 target
	is "attributes" "$(stat -c '%a %u %g %Y' target)" "640 1000 1001 1000000000"
	ok mkfifo fifo
	is "the fifo" "$(stat -c %F fifo)" fifo
	for gone in 1 2 3; do echo $gone >gone$gone; done
	ok rm gone1 gone2 gone3
	no stat gone2
	[ $2 = none ] || ok p9_file map mapped
	[ $1 = none ] || ok p9_file xattr attributes
	[ $2 = mmap ] || is "the big directory" "$(ls ../many | sha256sum)" "$many"
	cd /
	ok umount /mnt
}}

users() {{
	step users
	attach pass /mnt cache=none
	ok mkdir /mnt/private /mnt/public
	ok chmod 755 /mnt/private
	ok chmod 1777 /mnt/public
	no p9_file as 1000 1001 touch /mnt/private/file
	ok p9_file as 1000 1001 touch /mnt/public/file
	no p9_file as 1002 1002 rm -f /mnt/public/file
	is "the owner" "$(stat -c '%u %g' /mnt/public/file)" "1000 1001"
	ok umount /mnt
}}

dialect() {{ # VERSION TAG; by messages that the big directory takes several of
	step $1
	mkdir -p /mnt
	ok mount -t 9p -o trans=virtio,version=$1,cache=none,msize=16384 $2 /mnt
	is "what the host wrote" "$(sha256sum </mnt/from-host)" "$data"
	ok mkdir /mnt/$1
	cp /mnt/from-host /mnt/$1/copy || fail "writing"
	is "what was written" "$(sha256sum </mnt/$1/copy)" "$data"
	ok mv /mnt/$1/copy /mnt/$1/kept
	[ $1 = 9p2000 ] || ok ln -s kept /mnt/$1/link
	[ $1 = 9p2000 ] || ok ln /mnt/$1/kept /mnt/$1/same
	is "the big directory" "$(ls /mnt/many | sha256sum)" "$many"
	ok touch /mnt/$1/gone
	ok rm /mnt/$1/gone
	is "what is there" "$(ls /mnt/$1 | head -n 1)" kept
	ok umount /mnt
}}

read_only() {{
	step read-only
	attach ro /mnt cache=loose
	is "what the host wrote" "$(sha256sum </mnt/from-host)" "$data"
	no touch /mnt/new
	no rm -f /mnt/from-host
	no chmod 600 /mnt/from-host
	no sh -c 'echo >>/mnt/from-host'
	is "the reason" "$(touch /mnt/new 2>&1 | sed 's/.*: //')" "Read-only file system"
	ok umount /mnt
}}

all_at_once() {{
	step several
	for tag in mapped pass none ro; do attach $tag /mnt/$tag cache=none; done
	for tag in mapped pass none; do cp /mnt/ro/from-host /mnt/$tag/from-$tag & done
	wait
	echo {STABLE} >/mnt/none/stable
	for tag in mapped pass none; do is "$tag" "$(sha256sum </mnt/$tag/from-$tag)" "$data"; done
	no mount -t 9p -o trans=virtio nothing /tmp
	echo "guest-waits"
	while [ ! -e /mnt/pass/go ]; do sleep 0.2; done
	is "what the host wrote meanwhile" "$(cat /mnt/pass/go)" go
	is "the file that it removed" "$(ls /mnt/pass/many | wc -l)" {MANY - 1}
	for tag in mapped pass none ro; do ok umount /mnt/$tag; done
}}

many={{many}} data={{data}}
{"".join(f"files {tag} {cache}" + chr(10) for tag, cache in PAIRS)}
users
dialect 9p2000.u pass
dialect 9p2000 none
read_only
all_at_once
echo "guest-done"
"""

place = None
console = None
vhost = None


def fill(top):
    """What the guest finds; returns the checksum of the listing of its big directory."""
    names = [f"file {number:05}" for number in range(MANY)]
    for tag in EXPORTS:
        os.makedirs(os.path.join(top, tag, "many"))
        with open(os.path.join(top, tag, "from-host"), "wb") as file:
            file.write(DATA)
        os.chmod(os.path.join(top, tag), 0o755)
        for name in names:
            with open(os.path.join(top, tag, "many", name), "wb"):
                pass
    return hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()


def options():
    # What the module serves was taken over before ferry gave up the right to.
    words = ["-sandbox", "on"] if vhost == "on" else []
    for tag, model in EXPORTS.items():
        path = os.path.join(place, tag)
        if tag == "pass":
            words += ["-virtfs", f"local,path={path},mount_tag={tag},vhost={vhost},{model}"]
        else:
            packed = "on" if tag == "none" else "off"
            words += ["-fsdev", f"local,id=fs-{tag},path={path},{model}",
                      "-device", f"virtio-9p-pci,fsdev=fs-{tag},mount_tag={tag},vhost={vhost},packed={packed}"]
    return words


def a_guest_lives_on_four_directories():
    global console
    p9.require()
    script = GUEST.replace("{many}", f"'{fill(place)}  -'")
    script = script.replace("{data}", f"'{hashlib.sha256(DATA).hexdigest()}  -'")
    with p9.boot(p9.initrd("p9-01", script), *options()) as guest:
        for tag, cache in PAIRS:
            guest.wait_console(f"guest-sum {tag} {cache} {hashlib.sha256(DATA).hexdigest()}")
        for step in ("users", "9p2000.u", "9p2000,", "read-only"):
            guest.wait_console(f"guest-step: {step}")
        guest.wait_console("guest-waits")
        assert p9.stored(STABLE.encode()), "the disk does not have what is to be stable"
        queues = p9.served()
        masks = {name: status["Umask"] for name, status in g.threads(guest.process.pid)}
        with open(os.path.join(place, "pass/go.new"), "w", encoding="ascii") as file:
            file.write("go\n")
        os.unlink(os.path.join(place, "pass/many/file 00007"))
        os.rename(os.path.join(place, "pass/go.new"), os.path.join(place, "pass/go"))
        guest.wait_console("guest: exit 0")
        assert guest.process.wait(g.PATIENCE) == 0, guest.process.returncode
        console = guest.console()
        p9.no_failures(guest)
    if vhost == "off":
        assert not queues, queues
    else:
        by_module(queues)
        # What a vCPU's kick makes is not bound by what binds ferry.
        assert masks["vcpu0"] == "0000" != masks["ferry"], masks


def by_module(queues):
    """Each export has a queue of the kernel's, and they carried the guest's data."""
    assert len(queues) == len(EXPORTS), queues
    assert sorted(queue["ring"] for queue in queues) == ["packed", "split", "split", "split"], queues
    assert all(queue["state"] == "running" and queue["chains"] > 10 for queue in queues), queues
    assert sum(queue["bytes"] for queue in queues) > (4 * len(PAIRS) + 3) * len(DATA), queues
    # Of the export that asks for it, the queue polls.
    assert sum(queue["polls"] > 0 for queue in queues) == 1, queues


def read(*path):
    with open(os.path.join(place, *path), "rb") as file:
        return file.read()


def said():
    g.require(console is not None, "the guest did not get so far")


def the_host_finds_its_files():
    said()
    for here in PAIRS:
        cache = here[1]
        assert read(*here, "target") == DATA + DATA + b"tail\n", here
        assert read(*here, "second") == b"other\n", here
        assert read(*here, "subdir", "moved") == b"inner\n", here
        assert read(*here, "cut") == DATA[:70001] + bytes(20000), here
        expected = {"target", "second", "subdir", "link", "locked", LONG, "cut", "fifo"}
        expected |= {"mapped"} if cache != "none" else set()
        expected |= {"attributes"} if here[0] != "none" else set()
        assert set(os.listdir(os.path.join(place, *here))) == expected, (here, os.listdir(os.path.join(place, *here)))
        if cache != "none":
            assert read(*here, "mapped") == bytes((i * 31 + (i >> 8) + (i >> 16)) & 255
                                                  for i in range(300 * 1024 + 17)), here
    for tag in ("mapped", "pass", "none"):
        assert read(tag, f"from-{tag}") == DATA, tag
    assert read("pass/9p2000.u/kept") == DATA
    assert read("none/9p2000/kept") == DATA


def caches(tag):
    return [cache for one, cache in PAIRS if one == tag]


def passthrough_owners_are_the_hosts():
    said()
    for cache in caches("pass"):
        here = os.path.join(place, "pass", cache)
        st = os.stat(os.path.join(here, "target"))
        assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime) == (0o640, 1000, 1001, 1e9), st
        assert os.readlink(os.path.join(here, "link")) == "target"
        assert stat.S_ISFIFO(os.lstat(os.path.join(here, "fifo")).st_mode)
        assert os.getxattr(os.path.join(here, "attributes"), "user.small") == b"one"
    st = os.stat(os.path.join(place, "pass/public/file"))
    assert (st.st_uid, st.st_gid) == (1000, 1001), st
    assert os.readlink(os.path.join(place, "pass/9p2000.u/link")) == "kept"
    assert os.path.samefile(*(os.path.join(place, "pass/9p2000.u", name) for name in ("kept", "same")))


def mapped(path, name):
    return int.from_bytes(os.getxattr(path, "user.virtfs." + name), "little")


def mapped_owners_are_attributes():
    said()
    for cache in caches("mapped"):
        here = os.path.join(place, "mapped", cache)
        target = os.path.join(here, "target")
        st = os.stat(target)
        assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o600, 0, 0), st
        assert (mapped(target, "uid"), mapped(target, "gid")) == (1000, 1001)
        assert mapped(target, "mode") == stat.S_IFREG | 0o640, oct(mapped(target, "mode"))
        assert stat.S_IMODE(os.stat(here).st_mode) == 0o750
        link, fifo = os.path.join(here, "link"), os.path.join(here, "fifo")
        assert stat.S_ISREG(os.lstat(link).st_mode) and read(link) == b"target"
        assert stat.S_ISLNK(mapped(link, "mode"))
        assert stat.S_ISREG(os.lstat(fifo).st_mode) and stat.S_ISFIFO(mapped(fifo, "mode"))


def read_only_is_as_it_was():
    said()
    assert sorted(os.listdir(os.path.join(place, "ro"))) == ["from-host", "many"]
    assert read("ro", "from-host") == DATA


def nothing_is_left_of_it():
    said()
    g.wait_closed()


def main(engine):
    """All of it, with vhost=ENGINE."""
    global place, vhost
    vhost = engine
    with contextlib.ExitStack() as stack:
        if vhost == "off" or os.path.exists("/dev/ferry-9p"):
            place = stack.enter_context(p9.file_system())
        g.run([a_guest_lives_on_four_directories, the_host_finds_its_files, passthrough_owners_are_the_hosts,
               mapped_owners_are_attributes, read_only_is_as_it_was, nothing_is_left_of_it])
