// Package chhost_test holds the house to its plan: which package may import
// which, where third parties live, what starts goroutines, what is exported.
//
// The tables in this file are the plan and are meant to be edited: a new
// package gets a row in rooms, a new goroutine gets an owner in goroutines. The
// rules that judge the source against them are in house_rules_test.go; each has
// a fixture in house_fixtures_test.go that it must find guilty.
package chhost_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// room is one package of the plan.
type room struct {
	// path is the package's directory; a last element * stands for any one
	// name, a last element ... for everything below.
	path string
	// level is its height in the house. Arrows point down only.
	level int
	// sentence is how the package comment begins, after "Package name [is]". A
	// row without one leaves the sentence to the package.
	sentence string
	// own lists the packages of this module that it may import.
	own string
	// outside lists the modules of others that it may import; the standard
	// library is free.
	outside string
}

// rooms is the import plan. A row may stand here before its package exists.
//
// host/internal/* is not listed under own: every room of the host may import
// it, because it imports none of ours.
var rooms = []room{
	{"abi", 0, "The contract between host and guest", "", ""},
	{"host/client", 0, "is the browser client that the host serves", "", ""},
	{"host/gobuild", 0, "Builds a plugin written in Go with the Go toolchain", "", ""},
	{"host/internal/*", 0, "", "", ""},
	{"host/phx", 0, "The Phoenix wire protocol", "", ""},
	{"host/registry", 0, "Stores uploaded plugins by digest", "", "go.etcd.io/bbolt"},
	{"host/router", 0, "Maps topics to channels by pattern", "", ""},
	{"testdata/hostile", 0, "Holds the corpus of hostile modules", "", ""},
	{"host/token", 0, "Verifies the tokens of clients", "", "github.com/go-jose/go-jose/v4"},
	{"host/wasm/sched", 0, "Shares out the processors between guests", "", ""},
	{"host/wasm/module", 0, "Reads untrusted WebAssembly modules", "", ""},

	{"abi/gen", 1, "Renders abi for the guest SDKs", "abi", ""},
	{"host/channel", 1, "Runs one client's membership of one topic", "host/phx host/pubsub", ""},
	{"host/phx/phxclient", 1, "A Phoenix Channels client", "host/phx", "github.com/gorilla/websocket"},
	{"host/pubsub", 1, "Delivers broadcasts to a topic's subscribers", "host/phx", ""},
	{"host/registry/registrytest", 1, "", "host/registry", ""},
	{"host/wasm/meter", 1, "Rewrites WebAssembly modules", "host/wasm/module", ""},

	{"host/channel/channeltest", 2, "", "host/channel host/phx host/pubsub", ""},
	{"host/presence", 2, "Tracks who is in a topic", "host/phx host/pubsub", ""},
	{"host/hosttest/conversation", 2, "Reads golden dialogues", "host/phx host/phx/phxclient host/registry host/token", ""},
	{"host/pubsub/natspubsub", 2, "", "host/phx host/pubsub", "github.com/nats-io/nats.go"},
	{"host/pubsub/pubsubtest", 2, "", "host/phx host/pubsub", ""},
	{"host/pubsub/redispubsub", 2, "", "host/phx host/pubsub", "github.com/redis/rueidis"},
	{"host/socket", 2, "Multiplexes one client connection over its channels", "host/channel host/phx", ""},
	{"host/wasm", 2, "Runs plugins", "abi host/channel host/phx host/wasm/meter host/wasm/module host/wasm/sched", "github.com/tetratelabs/wazero golang.org/x/sys"},

	{"host/tenant", 3, "What one customer owns", "host/channel host/phx host/presence host/pubsub host/registry host/router host/socket host/token host/wasm", "golang.org/x/time"},

	{"host/admin", 4, "The operator's HTTP API", "host/phx host/registry host/socket host/tenant host/wasm", ""},
	{"host/metrics", 4, "Shows what the host counts", "abi host/socket host/wasm", "github.com/VictoriaMetrics/metrics"},
	{"host/transport/longpoll", 4, "Serves sockets over HTTP long-polling", "host/phx host/socket", ""},
	{"host/transport/websocket", 4, "Serves sockets over WebSocket", "host/phx host/socket", "github.com/gorilla/websocket"},
	{"host/transport/transporttest", 4, "Holds implementations of [socket.Transport]", "host/channel host/channel/channeltest host/phx host/phx/phxclient host/pubsub host/socket", ""},

	{"host", 5, "The channel host", "host/...", ""},

	{"cmd/chhost", 6, "", "abi cmd/chhost/internal/... host host/admin host/phx host/phx/phxclient host/registry host/socket host/tenant host/token", "github.com/urfave/cli/v2 github.com/lmittmann/tint"},
	{"cmd/chhost/internal/author", 6, "Checks, calls and tests a plugin without a server", "abi host host/channel host/gobuild host/hosttest/conversation host/phx host/wasm", ""},
	{"cmd/chhost/internal/authority", 6, "Obtains certificates from a certificate authority", "", "golang.org/x/crypto"},
	{"cmd/chhost/internal/config", 6, "is the one table of what chhost serve can be told", "abi host", "github.com/pelletier/go-toml"},
	{"cmd/chhost/internal/console", 6, "The guide's session at a prompt", "abi host host/phx", "github.com/peterh/liner"},
	{"cmd/chhost/internal/dev", 6, "Builds a plugin from source", "host host/client host/gobuild", "github.com/fsnotify/fsnotify"},
	{"cmd/chhost/internal/load", 6, "Puts a server under load and measures it", "host/phx host/phx/phxclient", "github.com/HdrHistogram/hdrhistogram-go"},
	{"cmd/chhost/internal/remote", 6, "Talks to a running host", "abi", ""},
	{"cmd/chhost/internal/scaffold", 6, "Makes the first files of a plugin", "", ""},
	{"cmd/chhost/internal/systemd", 6, "Tells a service manager how the process is doing", "", ""},
	{"cmd/chhost/internal/torture", 6, "Uploads hostile modules to a host", "abi host host/phx host/wasm testdata/hostile", ""},
	{"host/hosttest", 6, "", "host host/channel host/gobuild host/phx host/phx/phxclient host/pubsub/pubsubtest host/wasm", ""},
}

// sideways lists the arrows between two rooms of one level.
var sideways = []arrow{
	{"host/channel", "host/pubsub"},
	{"cmd/chhost", "cmd/chhost/internal/..."},
}

// shipped lists the parts of test kits that the command may import, because its
// users need them too.
var shipped = map[string]string{
	"host/hosttest/conversation": "chhost test plays the dialogues beside a plugin; it knows a socket's address and no package testing",
}

// quarantine fences modules in: only these rooms may import them, in their
// tests too, so that each can be replaced in one room.
var quarantine = map[string]string{
	"github.com/tetratelabs/wazero": "host/wasm host/wasm/meter",
	"github.com/gorilla/websocket":  "host/phx/phxclient host/transport/websocket",
	"github.com/urfave/cli":         "cmd/chhost",
	"github.com/fsnotify/fsnotify":  "cmd/chhost/internal/dev",
	"github.com/go-jose/go-jose":    "host/token",
	"github.com/lmittmann/tint":     "cmd/chhost",
	"github.com/pelletier/go-toml":  "cmd/chhost/internal/config",

	"github.com/VictoriaMetrics/metrics": "host/metrics",
	"go.etcd.io/bbolt":                   "host/registry",
	"golang.org/x/time":                  "host/tenant",

	"github.com/HdrHistogram/hdrhistogram-go": "cmd/chhost/internal/load",
	"github.com/peterh/liner":                 "cmd/chhost/internal/console",
}

// testOnly lists modules that a room's tests may import and its files may not.
var testOnly = map[string]string{
	"host/wasm/meter": "github.com/tetratelabs/wazero", // runs what was rewritten beside what it was made of
}

// testModules may be imported by every package's tests.
const testModules = "github.com/rogpeppe/go-internal go.uber.org/goleak"

// start is the number of places in a package that start a goroutine, and who
// waits for them to end.
type start struct {
	count int
	owner string
}

// goroutines is the census: `go` statements, x.Go(f) and AfterFunc in non-test
// files. Whoever starts a goroutine waits for it, and says here how.
var goroutines = map[string]start{
	"cmd/chhost/internal/author": {1, "Player.Play: the host that a dialogue is played against; it shuts it down and waits for its Run"},

	"cmd/chhost/internal/torture": {1, "rack.round stops the neighbour's client, and waits for it"},

	"cmd/chhost/internal/console": {2, "console.Run waits for the host's Run; read waits for the one that asks for a line, and leaves it behind only when the command is told to end while nobody types: it ends with the next line or the process"},

	"cmd/chhost":                 {6, "main: restores the signals' default when the first has come, and ends with the process; run waits for what informs the service manager and what serves the metrics and the admin API, which finish ends; the AfterFunc closes the metrics' server, and is stopped before that returns; progress.end waits for what tells it"},
	"cmd/chhost/internal/dev":    {3, "dev.Run closes the watch and waits for its loop; serve waits for the rebuilder, which waits for the attempt that is under way"},
	"cmd/chhost/internal/load":   {5, "run.do waits for the keeper and, in closeAll, for every reader; ramp and churn.play wait for those that dial; the AfterFunc ends a join with its time, stopped before open returns"},
	"host":                       {7, "Host.Run: the loops of the transports, of the engine, of pubsub and of the registry's tenants, and the listener's server, in one WaitGroup that it waits for; drain waits for the transports' ends; the AfterFunc is Shutdown's deadline, stopped before it returns"},
	"host/channel":               {2, "Env.Wait's AfterFunc is its own deadline, stopped before it returns; the other is a handler's timer, which only queues: endTimer and due wait for its end"},
	"host/hosttest":              {2, "Server.Stop, which the cleanup of the test calls: Shutdown, then it waits for Run; the AfterFunc is StartProcess's own deadline, stopped before it returns"},
	"host/phx/phxclient":         {8, "Close of Conn and of Client wait for readers and heartbeat; the AfterFuncs end a handshake, a write and a poller's request with their context, stopped before they return; one cuts a poller that does not end by itself"},
	"host/internal/crew":         {1, "Crew.Wait, which ends those that are kept: Env.Wait calls it for the turns of channels, Transport.Shutdown for its writers"},
	"host/pubsub":                {1, "the broadcast that fans out waits for all parts before it returns"},
	"host/pubsub/pubsubtest":     {4, "the suite's test that starts one, but for a call of an adapter that never returns, which fails it: within waits for calls, end for a node's Run, and the tests of many senders and of the end of Run for theirs"},
	"host/wasm":                  {4, "Compiler.run waits for the end of what attends to the child, which waits for its thread's; the other two are a child's own and end with it"},
	"host/registry/registrytest": {11, "the contract that starts one, which waits for it to return before it ends; where a store lets it wait for ever, the test has failed"},
	"host/tenant":                {1, "Directory.Close waits for the loads of versions and the moves of channels: Host.Run and Shutdown call it"},
	"host/transport/longpoll":    {2, "nobody serves a session but the requests' own goroutines; one AfterFunc is Shutdown's deadline, the other lets it cut a response off: both are stopped before their callers return"},
	"host/transport/websocket":   {2, "Transport.Shutdown waits for every reader; the AfterFunc is its own deadline, stopped before it returns"},

	"host/transport/transporttest": {7, "rig.end waits for Run and Shutdown, each contract for what it has started; where a transport does not end, the test has failed"},
}

// state lists the package-level variables of host/ and abi/ that are not
// errors, embedded files, regular expressions or interface checks, each with
// the reason why it is no mutable state.
var state = map[string]string{
	"host.ErrNoConnect": "host/tenant's error under the name that it had before",
	"host/socket.epoch": "when the process began, which a monotonic clock counts from",
}

// namesAllowed lists exported identifiers that contain a forbidden word because
// someone else's standard calls the thing so.
var namesAllowed = map[string]string{
	"host/socket.CloseServiceRestart": "the name of 1012 in the registry of RFC 6455's close codes",
}

// filesAllowed lists host files whose name is meant to be a build constraint.
var filesAllowed = map[string]string{}

func TestPlanPointsDown(t *testing.T) {
	report(t, judgePlan(rooms, sideways, shipped, quarantine))
}

func TestImportsFollowThePlan(t *testing.T) {
	for _, p := range rootPackages(t) {
		report(t, judgeImports(rooms, p))
		report(t, judgeQuarantine(quarantine, p))
	}
}

// TestNoPackageVanishes fails when build constraints hide all files of a
// directory, which the go command passes over in silence.
func TestNoPackageVanishes(t *testing.T) {
	seen := goList(t, "./...")
	for _, p := range rootPackages(t) {
		if _, ok := seen[p.importPath()]; !ok {
			t.Errorf("%s has Go files, but `go list ./...` does not see the package: look at the file names and the //go:build lines", p.dir)
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range tree(t) {
		report(t, judgeComment(rooms, p))
	}
}

func TestGoroutineCensus(t *testing.T) {
	report(t, judgeCensus(goroutines, tree(t)))
}

func TestModules(t *testing.T) {
	for _, dir := range moduleDirs(t) {
		report(t, judgeModule(dir, readModule(t, dir)))
	}
}

func TestNoForeignTypesExported(t *testing.T) {
	for _, p := range exportData(t, "./host/...", "./abi/...") {
		report(t, judgeExports(p))
	}
}

func TestFileNames(t *testing.T) {
	for _, p := range tree(t) {
		report(t, judgeFileNames(filesAllowed, p))
	}
}

func TestNoMutableState(t *testing.T) {
	var packages []*sourcePackage
	for _, p := range rootPackages(t) {
		if under(p.dir, "host") || under(p.dir, "abi") {
			packages = append(packages, p)
		}
	}
	report(t, judgeState(state, packages))
}

func TestNames(t *testing.T) {
	report(t, judgeNames(namesAllowed, tree(t)))
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}

// stale answers a fault for every key of a table that was not used.
func stale[V any](table string, entries map[string]V, used map[string]bool) []string {
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if !used[key] {
			faults = append(faults, fmt.Sprintf("%s has an entry for %s, which is no longer there: take the entry out of house_test.go", table, key))
		}
	}
	return faults
}

// under reports whether the slash-separated path is dir or lies below it.
func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
