package main

import (
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory lets the garbage collector work harder before the process takes
// more than nine tenths of what its control group may have, so that a container
// is not killed for garbage. A limit that GOMEMLIMIT sets stays. It is for the
// whole process.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := groupMemory(os.DirFS("/")); limit > 0 {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// groupMemory is how many bytes of memory the control groups (cgroups, versions
// 1 and 2, where distributions mount them) of this process allow, or 0 if they
// say nothing. root is the root directory.
func groupMemory(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0 // another system
	}
	limit := int64(0)
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path; version 2 has 0 and no controllers.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if fields[0] != "0" || fields[1] != "" {
			if fields[1] != "memory" {
				continue
			}
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		// Every group above has a say. In a container the path may be that of the
		// machine, and only the mount itself is there.
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			if n := readLimit(root, mount+path.Join("/", dir, file)); n > 0 && (limit == 0 || n < limit) {
				limit = n
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit
}

// unlimited is from where on a limit is none: version 1 writes a number near the
// largest one.
const unlimited = 1 << 60

// readLimit is 0 if the file is not there or names no limit.
func readLimit(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= unlimited { // "max", too
		return 0
	}
	return n
}
