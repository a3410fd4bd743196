package certfile_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/internal/certfile"
)

// serial is the serial number of the certificate that a handshake would get once
// the files may be looked at again.
func serial(t *testing.T, p *certfile.Pair) int64 {
	t.Helper()
	time.Sleep(certfile.Every)
	c, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.SerialNumber.Int64()
}

// TestReplace replaces the files in all the ways in which that is done, on a clock
// of the test's own.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, until := t.TempDir(), time.Now().Add(24*time.Hour)
		var log channeltest.Log
		certs := make([]hosttest.Certificate, 6)
		for i := range certs {
			certs[i] = hosttest.MakeCertificate(t, int64(i), until)
		}
		cert, key := certs[1].Write(t, dir)
		p, err := certfile.Load(cert, key, log.Logger())
		if err != nil {
			t.Fatal(err)
		}
		expect := func(what string, want int64, replaced, errors int) {
			t.Helper()
			if got := serial(t, p); got != want {
				t.Errorf("%s: the certificate is number %d, want %d", what, got, want)
			}
			if r, e := log.Count("the certificate was replaced"), log.Count("level=ERROR"); r != replaced || e != errors {
				t.Errorf("%s: %d replacements and %d errors were logged, want %d and %d:\n%s", what, r, e, replaced, errors, &log)
			}
		}
		write := func(name string, data []byte) {
			t.Helper()
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expect("at the start", 1, 0, 0)
		certs[2].Write(t, dir)
		if c, err := p.Get(nil); err != nil || c.Leaf.SerialNumber.Int64() != 1 {
			t.Error("the files were looked at again at once")
		}
		expect("written over", 2, 1, 0)
		expect("unchanged", 2, 1, 0)

		// One file after the other: no error for the moment in between.
		write(cert, certs[3].Cert)
		expect("half replaced", 2, 1, 0)
		write(key, certs[3].Key)
		expect("replaced", 3, 2, 0)

		// What stays broken is told once.
		write(key, certs[4].Key)
		expect("another key, first seen", 3, 2, 0)
		expect("another key", 3, 2, 1)
		expect("still another key", 3, 2, 1)
		write(cert, []byte("nonsense"))
		expect("nonsense, first seen", 3, 2, 1)
		expect("nonsense", 3, 2, 2)
		if err := os.Remove(cert); err != nil {
			t.Fatal(err)
		}
		expect("no file, first seen", 3, 2, 2)
		expect("no file", 3, 2, 3)
		write(cert, make([]byte, 2<<20))
		expect("too much, first seen", 3, 2, 3)
		expect("too much", 3, 2, 4)
		if log.Count("more than 1048576 bytes") != 1 {
			t.Errorf("the log does not say that it is too much:\n%s", &log)
		}
		certs[3].Write(t, dir)
		expect("what there was", 3, 2, 4)
		write(key, certs[4].Key)
		expect("the same fault again, first seen", 3, 2, 4)
		expect("the same fault again", 3, 2, 5)

		// A directory that a link points to, as Kubernetes turns it.
		for i, name := range []string{"a", "b"} {
			d := filepath.Join(dir, name)
			if err := os.Mkdir(d, 0o700); err != nil {
				t.Fatal(err)
			}
			certs[4+i].Write(t, d)
			link := filepath.Join(dir, "new")
			for _, file := range []string{cert, key} {
				if err := os.Symlink(filepath.Join(name, filepath.Base(file)), link); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(link, file); err != nil {
					t.Fatal(err)
				}
			}
			expect("a link that was turned", int64(4+i), 3+i, 5)
		}
		if log.Count("PRIVATE") != 0 {
			t.Errorf("the log has the key:\n%s", &log)
		}
	})
}

// TestLoad: what is wrong at the start is said with the file's name.
func TestLoad(t *testing.T) {
	dir, until := t.TempDir(), time.Now().Add(24*time.Hour)
	other := hosttest.MakeCertificate(t, 2, until)
	cert, key := hosttest.MakeCertificate(t, 1, until).Write(t, dir)
	wrong := filepath.Join(dir, "other.pem")
	if err := os.WriteFile(wrong, other.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ cert, key, want string }{
		{filepath.Join(dir, "missing.pem"), key, "missing.pem: no such file"},
		{cert, filepath.Join(dir, "missing.pem"), "missing.pem: no such file"},
		{cert, dir, "is a directory"},
		{cert, wrong, "private key does not match public key"},
		{cert, cert, "cert.pem with the key "},
		{key, cert, "key.pem with the key "},
	} {
		if _, err := certfile.Load(tc.cert, tc.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s, %s: %v, want %q", tc.cert, tc.key, err, tc.want)
		}
	}
}

// TestExpiry: a certificate that clients refuse is served nevertheless, and told.
func TestExpiry(t *testing.T) {
	for until, want := range map[time.Duration]string{-time.Hour: "has expired", 72 * time.Hour: "is not valid yet", time.Hour: ""} {
		var log channeltest.Log
		cert, key := hosttest.MakeCertificate(t, 1, time.Now().Add(until)).Write(t, t.TempDir())
		if _, err := certfile.Load(cert, key, log.Logger()); err != nil {
			t.Fatal(err)
		}
		if n := log.Count("level=WARN"); (n == 1) != (want != "") || log.Count(want) != n {
			t.Errorf("until %v: the log is\n%s", until, &log)
		}
	}
	synctest.Test(t, func(t *testing.T) { // also when it takes the place of a good one
		var log channeltest.Log
		dir := t.TempDir()
		cert, key := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour)).Write(t, dir)
		p, err := certfile.Load(cert, key, log.Logger())
		if err != nil {
			t.Fatal(err)
		}
		hosttest.MakeCertificate(t, 2, time.Now().Add(-time.Hour)).Write(t, dir)
		if got := serial(t, p); got != 2 || log.Count("has expired") != 1 {
			t.Errorf("the certificate is number %d:\n%s", got, &log)
		}
	})
}

// Many handshakes at once may be what finds a new pair.
func TestGetByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, until := t.TempDir(), time.Now().Add(24*time.Hour)
		cert, key := hosttest.MakeCertificate(t, 1, until).Write(t, dir)
		var log channeltest.Log
		p, err := certfile.Load(cert, key, log.Logger())
		if err != nil {
			t.Fatal(err)
		}
		hosttest.MakeCertificate(t, 2, until).Write(t, dir)
		time.Sleep(certfile.Every)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if c, err := p.Get(nil); err != nil || c == nil {
					t.Error(c, err)
				}
			})
		}
		all.Wait()
		if got := serial(t, p); got != 2 || log.Count("was replaced") != 1 {
			t.Errorf("the certificate is number %d:\n%s", got, &log)
		}
	})
}
