package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// Store is a registry that can be saved while it is used, as [registry.Disk] can.
type Store interface {
	registry.Store
	// Backup writes one archive (tar) of all that is stored.
	Backup(ctx context.Context, w io.Writer) error
}

// Config configures an [API]. Tenants and Store are needed, and a Token unless Open.
type Config struct {
	// Tenants are the host's, and Store is what they are kept in.
	Tenants *tenant.Directory
	Store   registry.Store
	// Token is the operator's, see [Token].
	Token string
	// Open lets requests from this machine, which bring no token, do everything: for a
	// developer's machine.
	Open bool
	// Hosts are the names by which the API may be asked for, such as
	// "admin.example.com"; addresses and "localhost" always are. A request for another
	// name is refused: a page of any name may be made to lead here.
	Hosts []string
	// Logs has what plugins log. Default: there is nothing to see of it.
	Logs *Logs
	// Metrics serves /metrics and /tenant-metrics, to the operator. Default: 404.
	Metrics http.Handler
	// Logger receives what fails that is no fault of who asks. Default none.
	Logger *slog.Logger
	// Now is the clock of tokens. Default time.Now.
	Now func() time.Time
}

// API is the admin API. It is an [http.Handler], starts nothing, and is safe for
// concurrent use.
type API struct {
	cfg      Config
	operator [sha256.Size]byte // of the token
	hosts    map[string]bool
	mux      *http.ServeMux
	document []byte
	kept     answers
	uploads  places
	readers  places // of logs
	requests places // of deploy tokens, but for those two
	log      *slog.Logger
	ending   chan struct{} // closed by End
	end      sync.Once
}

// End ends what would go on for as long as its client wants, such as the following of a
// log, so that a server can shut down. It may be called more than once.
func (a *API) End() { a.end.Do(func() { close(a.ending) }) }

// New returns an API. The error names what is missing.
func New(cfg Config) (*API, error) {
	if cfg.Tenants == nil || cfg.Store == nil {
		return nil, errors.New("admin: the host has no registry, so there is nothing to administer")
	}
	if cfg.Token == "" && !cfg.Open {
		return nil, errors.New("admin: the operator needs a token")
	}
	if cfg.Token != "" && len(cfg.Token) < minToken {
		return nil, fmt.Errorf("admin: the operator's token has %d characters, and needs %d", len(cfg.Token), minToken)
	}
	a := &API{cfg: cfg, operator: sha256.Sum256([]byte(cfg.Token)), hosts: make(map[string]bool), mux: http.NewServeMux(), log: cfg.Logger, ending: make(chan struct{})}
	a.uploads, a.readers = places{most: mostUploads, each: eachUploads, spare: spareUploads}, places{most: mostReaders, each: eachReaders, spare: spareReaders}
	a.requests = places{most: mostRequests, each: eachRequests}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
	for _, name := range cfg.Hosts {
		a.hosts[strings.ToLower(strings.TrimSuffix(name, "."))] = true
	}
	all := endpoints()
	for i := range all {
		e := &all[i]
		a.mux.HandleFunc(e.Method+" "+e.Path, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, e) })
	}
	a.document = document(all)
	return a, nil
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	// Also of a request that is refused before its body is read: the server reads on.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(jsonTime))
	if len(r.TransferEncoding) > 0 {
		// A proxy that goes by a Content-Length beside it, which is not seen here, would
		// take what follows for a part of this request, and here it would be another's.
		w.Header().Set("Connection", "close")
	}
	if err := a.guard(r); err != nil {
		a.refuse(w, r, err)
		return
	}
	if h, pattern := a.mux.Handler(r); pattern == "" {
		// What the mux would answer is text: it knows of other methods, and of paths that
		// are written in another way.
		probe := &probe{header: make(http.Header)}
		h.ServeHTTP(probe, r)
		if allow := probe.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			a.refuse(w, r, fault(codeMethod, "%s is not for this: %s", r.Method, allow))
			return
		}
		a.refuse(w, r, fault(codeUnknown, "there is no %s: GET /v1/openapi.json lists what there is", r.URL.Path))
		return
	}
	a.mux.ServeHTTP(w, r)
}

// probe takes the head of an answer.
type probe struct{ header http.Header }

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(int)             {}

// Tokens are shown with their kind in front, so that they are found where they leaked.
const (
	operatorPrefix = "cho_"
	deployPrefix   = "chd_"
	minToken       = 32
)

// secret is 256 random bits as text.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // which ends the process instead of failing
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Token reads the operator's token from a file, or makes one if there is no such file:
// then made is true, and it is to be shown once. The file is for its owner only; one that
// others can read is refused.
func Token(file string) (token string, made bool, err error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		token = operatorPrefix + secret()
		return token, true, writeToken(file, token)
	case err != nil:
		return "", false, fmt.Errorf("admin: the operator's token: %w", err)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows": // where permissions say who can read
		return "", false, fmt.Errorf("admin: the operator's token in %s can be read by others: chmod 600 %s", file, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", false, fmt.Errorf("admin: the operator's token: %w", err)
	}
	if token = strings.TrimSpace(string(data)); len(token) < minToken || strings.ContainsAny(token, " \t\r\n") {
		return "", false, fmt.Errorf("admin: %s holds no token: one line of at least %d characters; remove it to have one made", file, minToken)
	}
	return token, false, nil
}

// writeToken writes a new file: a process that is killed leaves none or all of it.
func writeToken(file, token string) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), ".token-*")
	if err == nil {
		_, err = temporary.WriteString(token + "\n")
		err = errors.Join(err, temporary.Sync(), temporary.Close())
		if err == nil {
			err = os.Rename(temporary.Name(), file)
		}
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}
	if err != nil {
		return fmt.Errorf("admin: the operator's token cannot be kept: %w", err)
	}
	return nil
}
