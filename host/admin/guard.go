package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// guard refuses what comes by way of a browser: a page of another origin has no business
// here, whatever it sends along, and a name that leads here may be a page's own.
func (a *API) guard(r *http.Request) error {
	name, _, ok := socket.SplitHost(r.Host)
	if !ok || !a.answersTo(strings.ToLower(strings.TrimSuffix(name, "."))) {
		return fault(codeHost, "the API does not answer to this name: ask for its address, or tell the host that the name is its own")
	}
	if r.Header.Get("Origin") != "" {
		return fault(codeBrowser, "requests of browsers' pages are refused")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none": // no browser, or whoever sits before it
	default:
		return fault(codeBrowser, "requests of browsers' pages are refused")
	}
	return nil
}

func (a *API) answersTo(name string) bool {
	if name == "localhost" || a.hosts[name] {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// identity is who asks.
type identity struct {
	// name is what the audit log calls them: never the token.
	name     string
	operator bool
	// tenant is whose deploy token it is, if it is one, and holder that tenant as it was
	// found: another one may have its name a moment later.
	tenant string
	holder *tenant.Tenant
}

// identify finds out who asks.
func (a *API) identify(r *http.Request) (identity, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 && a.cfg.Open && fromHere(r) && !forwarded(r) {
		return identity{name: "local", operator: true}, nil
	}
	if len(values) != 1 {
		return identity{}, fault(codeToken, "a token is needed: Authorization: Bearer TOKEN")
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, "bearer") || text == "" || len(text) > maxToken {
		return identity{}, fault(codeToken, "a token is needed: Authorization: Bearer TOKEN")
	}
	sum := sha256.Sum256([]byte(text))
	if a.cfg.Token != "" && subtle.ConstantTimeCompare(sum[:], a.operator[:]) == 1 {
		return identity{name: "operator", operator: true}, nil
	}
	if name, id, ok := parseDeployToken(text); ok {
		if t, ok := a.cfg.Tenants.Tenant(name); ok && a.holds(t.Record().DeployTokens, id, sum) {
			return identity{name: "token " + id, tenant: name, holder: t}, nil
		}
	}
	return identity{}, fault(codeToken, "the token is not known, or has expired")
}

// holds tells whether a token that is still good is among a tenant's.
func (a *API) holds(tokens []registry.DeployToken, id string, sum [sha256.Size]byte) bool {
	found := false
	for i := range tokens {
		same := subtle.ConstantTimeCompare(sum[:], tokens[i].Hash[:]) == 1
		if same && tokens[i].ID == id && (tokens[i].Expires.IsZero() || a.cfg.Now().Before(tokens[i].Expires)) {
			found = true
		}
	}
	return found
}

// maxToken is how long a token may be.
const maxToken = 512

// deployToken is the text of a token: whose it is can be read from it, the rest is secret.
func deployToken(tenant, id string) string {
	return deployPrefix + base64.RawURLEncoding.EncodeToString([]byte(tenant)) + "." + id + "." + secret()
}

func parseDeployToken(text string) (tenant, id string, ok bool) {
	rest, ok := strings.CutPrefix(text, deployPrefix)
	if !ok {
		return "", "", false
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 3 {
		return "", "", false
	}
	name, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || registry.CheckName(string(name)) != nil {
		return "", "", false
	}
	return string(name), parts[1], true
}

// forwarded tells whether a proxy brings the request of another machine.
func forwarded(r *http.Request) bool {
	for _, field := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if len(r.Header.Values(field)) > 0 {
			return true
		}
	}
	return false
}

// fromHere tells whether a request comes from this machine.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
