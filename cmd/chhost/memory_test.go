package main

import (
	"testing"
	"testing/fstest"
)

func TestGroupMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"another system":              {nil, 0},
		"version 2, no limit":         {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"version 2, a container":      {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		"version 2, a service":        {map[string]string{"proc/self/cgroup": "0::/system.slice/chhost.service\n", "sys/fs/cgroup/system.slice/chhost.service/memory.max": "1048576\n"}, 1 << 20},
		"version 2, the group above":  {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "1048576\n", "sys/fs/cgroup/a/b/memory.max": "2097152\n"}, 1 << 20},
		"version 2, the group itself": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.max": "2097152\n"}, 2 << 20},
		"version 1, no limit":         {map[string]string{"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"version 1, a container":      {map[string]string{"proc/self/cgroup": "6:cpu,cpuacct:/\n5:memory:/docker/12ab\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n"}, 1 << 20},
		"version 1, another's limit":  {map[string]string{"proc/self/cgroup": "6:cpu:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576\n"}, 0},
		"a path that leads out":       {map[string]string{"proc/self/cgroup": "0::/../x\n", "sys/fs/cgroup/x/memory.max": "1048576\n"}, 1 << 20},
		"not what was expected":       {map[string]string{"proc/self/cgroup": "x\n0::\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for file, text := range tc.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := groupMemory(root); got != tc.want {
				t.Errorf("%d bytes, want %d", got, tc.want)
			}
		})
	}
}
