package registry

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// roleVariable makes the test binary something else than the runner of its tests.
const roleVariable = "CHHOST_REGISTRY_ROLE"

// role plays the part that the environment names, if it names one.
func role() bool {
	part, rest, _ := strings.Cut(os.Getenv(roleVariable), " ")
	switch part {
	case "":
		return false
	case "churn":
		fmt.Println("failed", churn(rest, os.Stdout))
	case "fill":
		fmt.Println(fillLimited(rest))
	}
	return true
}

func proof() bool { return os.Getenv("CHHOST_PROOF") != "" }

// crashModule is a module of the crash test: its bytes follow from its number.
func crashModule(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	m := make([]byte, 0, 70_000)
	for n := 1000 + r.IntN(60_000); len(m) < n; {
		m = binary.NativeEndian.AppendUint64(m, r.Uint64())
	}
	return m
}

// churn uploads, deploys and deletes until it is killed, and says what was acknowledged
// when it was. A line that begins with "do" says what is about to be asked for.
func churn(dir string, out io.Writer) error {
	d, err := Open(dir, Config{Entries: 200})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "open")
	ctx := context.Background()
	errs := make(chan error)
	for worker := range 3 {
		go func() { errs <- churnOne(ctx, d, out, worker) }()
	}
	go func() {
		for {
			if _, err := d.Sweep(ctx); err != nil {
				errs <- err
				return
			}
		}
	}()
	return <-errs
}

// churnOne has a tenant of its own, whose record it knows.
func churnOne(ctx context.Context, d *Disk, out io.Writer, worker int) error {
	name := fmt.Sprint("tenant", worker)
	t, err := d.Tenant(ctx, name)
	if errors.Is(err, ErrNotFound) {
		t, err = d.Create(ctx, Tenant{Name: name}, Entry{Action: "create"})
	}
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(worker)))
	for err == nil {
		change, line := Change{Entry: Entry{Action: "change"}}, ""
		switch n := r.IntN(1_000_000); n % 8 {
		case 0: // deletes the tenant and makes it anew
			fmt.Fprintf(out, "do %s delete\n", name)
			if err := d.Delete(ctx, name, Entry{Action: "delete"}); err != nil {
				return err
			}
			fmt.Fprintf(out, "ok %s delete\n", name)
			if t, err = d.Create(ctx, Tenant{Name: name}, Entry{Action: "create"}); err != nil {
				return err
			}
			continue
		case 1, 2, 3: // deploys the newest version, of which a route depends
			line = "deploy"
			change.Apply = func(t *Tenant) error {
				p := t.AddPlugin("food")
				t.Routes = []Route{{Pattern: "foods:*", Plugin: "food"}}
				if len(p.Versions) == 0 {
					return nil
				}
				return p.SetActive(Deploy{Seq: p.Versions[len(p.Versions)-1].Seq, Strategy: "immediate"})
			}
		default:
			n %= 50 // so that other workers bring the same one
			m := crashModule(n)
			line = fmt.Sprint("upload ", n)
			change.Modules = [][]byte{m}
			change.Apply = func(t *Tenant) error {
				t.AddVersion("food", Version{Digest: DigestOf(m), Size: int64(len(m))})
				t.Plugin("food").Retain(5)
				return nil
			}
		}
		fmt.Fprintf(out, "do %s %s\n", name, line)
		if t, err = d.Update(ctx, name, change); err == nil {
			fmt.Fprintf(out, "ok %s %s revision %d\n", name, line, t.Revision)
		}
	}
	return err
}

// crash is what was seen of one process that was killed, or of several.
type crash struct {
	rounds, acknowledged, uploads, deploys, deletes int
	lost, dangling, halves                          int
	opens                                           []time.Duration
}

// acknowledged is what has to be found of a tenant.
type acknowledged struct {
	revision uint64 // at least, but after a delete
	digest   Digest // of the last upload, unless a delete may have followed
	deleting bool   // a delete was under way
	deleted  bool   // and was acknowledged, and nothing was since
}

// round starts churn, kills it at a random moment, and looks at what it has left.
func (c *crash) round(t *testing.T, dir string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=churn "+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	state := map[string]*acknowledged{}
	kill := func() {
		time.AfterFunc(time.Duration(rand.IntN(15_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
	}
	until := rand.IntN(30) // lines; 0: it is killed while it opens the store, or before
	if until == 0 {
		kill()
	}
	seen := 0
	for lines.Scan() {
		if seen++; seen == until {
			kill()
		}
		if strings.HasPrefix(lines.Text(), "failed") {
			t.Error(lines.Text())
		}
		c.note(lines.Text(), state)
	}
	if seen < until {
		t.Errorf("the process that was to be killed has ended after %d lines", seen)
	}
	_ = cmd.Wait()
	c.rounds++
	c.inspect(t, dir, state)
}

func (c *crash) note(line string, state map[string]*acknowledged) {
	w := strings.Fields(line)
	if len(w) < 3 || (w[0] != "ok" && w[0] != "do") {
		return // also a line that was cut off
	}
	tenant := state[w[1]]
	if tenant == nil {
		tenant = &acknowledged{}
		state[w[1]] = tenant
	}
	if w[0] == "do" {
		tenant.deleting = w[2] == "delete"
		return
	}
	switch {
	case w[2] == "delete":
		*tenant = acknowledged{deleted: true}
		c.deletes++
	case w[2] == "deploy" && len(w) == 5:
		tenant.revision, _ = strconv.ParseUint(w[4], 10, 64)
		tenant.deleted = false
		c.deploys++
	case w[2] == "upload" && len(w) == 6:
		n, _ := strconv.Atoi(w[3])
		tenant.revision, _ = strconv.ParseUint(w[5], 10, 64)
		tenant.digest = DigestOf(crashModule(n))
		tenant.deleted = false
		c.uploads++
	default:
		return
	}
	c.acknowledged++
}

// inspect opens the store as the next process would.
func (c *crash) inspect(t *testing.T, dir string, state map[string]*acknowledged) {
	begin := time.Now()
	d, err := Open(dir, Config{Entries: 200})
	c.opens = append(c.opens, time.Since(begin))
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	named := map[Digest]bool{}
	found := map[string]Tenant{}
	for tenant, err := range d.Tenants(ctx) {
		if err != nil {
			t.Errorf("a record: %v", err)
			c.halves++
			continue
		}
		found[tenant.Name] = tenant
		if err := tenant.check(); err != nil {
			t.Errorf("a record: %v", err)
			c.dangling++
		}
		for digest := range tenant.digests() {
			named[digest] = true
			if _, err := d.Module(ctx, digest); err != nil {
				t.Errorf("%s names a module that is not there: %v", tenant.Name, err)
				c.dangling++
			}
		}
	}
	for name, want := range state {
		got := found[name]
		if want.deleted && !want.deleting && got.Revision > 2 {
			t.Errorf("%s has revision %d after a delete that was acknowledged", name, got.Revision)
			c.lost++
		}
		if want.deleting || want.revision == 0 {
			continue // it may be there or not, before its delete or made anew
		}
		if got.Revision < want.revision {
			t.Errorf("%s has revision %d, %d was acknowledged", name, got.Revision, want.revision)
			c.lost++
		}
		// What was under way is one upload at most, and five are kept.
		if _, ok := got.digests()[want.digest]; want.digest != (Digest{}) && !ok {
			t.Errorf("%s has lost an upload that was acknowledged", name)
			c.lost++
		}
	}
	c.leftovers(t, dir, named)
}

// leftovers counts files that nobody names.
func (c *crash) leftovers(t *testing.T, dir string, named map[Digest]bool) {
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name := filepath.Base(path)
		d, _ := ParseDigest(strings.TrimSuffix(name, moduleSuffix))
		if name != databaseName && name != lockName && !named[d] {
			t.Errorf("%s is left over", path)
			c.halves++
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (c *crash) report(t *testing.T) {
	slices.Sort(c.opens)
	t.Logf("%d rounds of kill -9: %d changes acknowledged (%d uploads, %d deploys, %d deletes); lost %d, dangling %d, halves and left-overs %d; opening: half of them within %v, all within %v",
		c.rounds, c.acknowledged, c.uploads, c.deploys, c.deletes, c.lost, c.dangling, c.halves,
		c.opens[len(c.opens)/2].Round(time.Microsecond), c.opens[len(c.opens)-1].Round(time.Microsecond))
	if c.uploads < c.rounds/4 || c.deploys == 0 || (c.rounds > 10 && c.deletes == 0) {
		t.Errorf("the processes were killed before they did anything")
	}
}

func crashes(t *testing.T, rounds int) crash {
	if runtime.GOOS == "windows" {
		t.Skip("there is no kill -9 here")
	}
	var c crash
	dir := t.TempDir()
	for range rounds {
		if c.round(t, dir); t.Failed() {
			break
		}
	}
	c.report(t)
	return c
}

// TestKill9 kills a process that serves a store at random moments.
func TestKill9(t *testing.T) { crashes(t, 20) }

// startUp is how long a store may take to open, whatever it was in the middle of.
const startUp = 200 * time.Millisecond

// TestProofKill9 is the full form, with a bound on how long the next process takes to
// open what was left: make proof runs it.
func TestProofKill9(t *testing.T) {
	if !proof() {
		return // its small form above runs always
	}
	c := crashes(t, 1000)
	if slowest := slices.Max(c.opens); slowest > startUp {
		t.Errorf("one store took %v to open, want at most %v", slowest, startUp)
	}
}
