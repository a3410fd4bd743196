package admin

import (
	"encoding/json"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// The shapes of bodies and answers.

type whoBody struct {
	Name     string `json:"name"`
	Operator bool   `json:"operator"`
	Tenant   string `json:"tenant,omitempty"`
}

type limitBody struct {
	Name    string `json:"name"`
	Unit    string `json:"unit"`
	Default int64  `json:"default"`
	Error   string `json:"error"`
	Sense   string `json:"sense"`
}

type limitsBody struct {
	Limits []limitBody `json:"limits"`
}

type auditEntry struct {
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"`
	Tenant   string    `json:"tenant,omitempty"`
	By       string    `json:"by,omitempty"`
	Action   string    `json:"action"`
	Detail   string    `json:"detail,omitempty"`
	Revision uint64    `json:"revision,omitempty"`
}

type auditBody struct {
	Entries []auditEntry `json:"entries"`
	// Next is the parameter after of the next page, if there is one.
	Next string `json:"next,omitempty"`
}

// issuerBody is an issuer of clients' tokens. Its keys may be secrets, and are never
// told: KeysDigest stands for them. Who sends it back without keys keeps them.
type issuerBody struct {
	Issuer     string   `json:"issuer,omitempty"`
	Audience   []string `json:"audience,omitempty"`
	Keys       string   `json:"keys,omitempty"`
	KeysDigest string   `json:"keys_digest,omitempty"`
	JWKS       string   `json:"jwks,omitempty"`
}

type settingsBody struct {
	Hosts   []string         `json:"hosts,omitempty"`
	Origins []string         `json:"origins,omitempty"`
	Limits  map[string]int64 `json:"limits,omitempty"`
	Issuers []issuerBody     `json:"issuers,omitempty"`
	Connect string           `json:"connect,omitempty"`
}

type pluginBody struct {
	Name    string `json:"name"`
	Active  int    `json:"active,omitempty"`
	Canary  int    `json:"canary,omitempty"`
	Percent int    `json:"percent,omitempty"`
	Last    int    `json:"last"`
}

type routeBody struct {
	Pattern string `json:"pattern"`
	Plugin  string `json:"plugin"`
}

type recordBody struct {
	Name      string    `json:"name"`
	Revision  uint64    `json:"revision"`
	Created   time.Time `json:"created"`
	Suspended bool      `json:"suspended,omitempty"`
	// Damaged is why nothing of the tenant can be served or changed; the rest is not known.
	Damaged string `json:"damaged,omitempty"`
	settingsBody
	Routes  []routeBody  `json:"routes,omitempty"`
	Plugins []pluginBody `json:"plugins,omitempty"`
}

type tenantsBody struct {
	Tenants []recordBody `json:"tenants"`
	Next    string       `json:"next,omitempty"`
}

type drainBody struct {
	// Window is how long it may take, such as "10s".
	Window string `json:"window,omitempty"`
}

type closedBody struct {
	Closed int `json:"closed"`
}

type versionUsageBody struct {
	Name        string `json:"name"`
	Digest      string `json:"digest"`
	Loaded      bool   `json:"loaded"`
	Channels    int    `json:"channels"`
	Calls       int64  `json:"calls"`
	Crashes     int64  `json:"crashes"`
	Fuel        int64  `json:"fuel"`
	Memory      int64  `json:"memory"`
	Quarantined bool   `json:"quarantined,omitempty"`
}

type usageBody struct {
	Connections int                `json:"connections"`
	Topics      int                `json:"topics"`
	Memory      int64              `json:"memory"`
	Frames      int64              `json:"frames"`
	Bytes       int64              `json:"bytes"`
	SentFrames  int64              `json:"sent_frames"`
	SentBytes   int64              `json:"sent_bytes"`
	Fuel        int64              `json:"fuel"`
	Refused     int64              `json:"refused"`
	RateLimited int64              `json:"rate_limited"`
	Published   int64              `json:"published"`
	SlowClosed  int64              `json:"slow_closed"`
	Failed      int64              `json:"failed"`
	Versions    []versionUsageBody `json:"versions"`
}

type topicBody struct {
	Topic    string `json:"topic"`
	Handler  string `json:"handler"`
	Channels int    `json:"channels"`
}

type topicsBody struct {
	Topics []topicBody `json:"topics"`
	Next   string      `json:"next,omitempty"`
}

type socketBody struct {
	Number uint64    `json:"number"`
	ID     string    `json:"id,omitempty"`
	Opened time.Time `json:"opened"`
	Topics []string  `json:"topics"`
}

type socketsBody struct {
	Sockets []socketBody `json:"sockets"`
	Next    string       `json:"next,omitempty"`
}

type routesBody struct {
	Routes []routeBody `json:"routes"`
}

type messageBody struct {
	Topic   string          `json:"topic"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// publishBody is one message, or several in Messages.
type publishBody struct {
	Topic    string          `json:"topic,omitempty"`
	Event    string          `json:"event,omitempty"`
	Payload  json.RawMessage `json:"payload,omitempty"`
	Messages []messageBody   `json:"messages,omitempty"`
}

type publishedBody struct {
	Published int `json:"published"`
}

type tokenBody struct {
	ID      string    `json:"id"`
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
}

type tokensBody struct {
	Tokens []tokenBody `json:"tokens"`
}

type mintBody struct {
	Note string `json:"note,omitempty"`
	// Expires is when it is good no longer. Default: never.
	Expires time.Time `json:"expires,omitzero"`
}

type mintedBody struct {
	tokenBody
	Token string `json:"token"`
}

// revocationBody names a token by its ID, or a subject.
type revocationBody struct {
	ID      string `json:"id,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Before is until when the subject's tokens were issued that are meant. Default: now.
	Before time.Time `json:"before,omitzero"`
	// Expires is when the last of them has expired by itself. Default: in a year.
	Expires time.Time `json:"expires,omitzero"`
	By      string    `json:"by,omitempty"`
}

type revocationsBody struct {
	Revocations []revocationBody `json:"revocations"`
}

type importBody struct {
	Module string `json:"module"`
	Name   string `json:"name"`
}

// moduleInfo is what a module says of itself, after an upload.
type moduleInfo struct {
	Code      int          `json:"code_bytes"`
	Data      int          `json:"data_bytes"`
	Custom    int          `json:"custom_bytes"`
	MemoryMin uint64       `json:"memory_min_bytes"`
	MemoryMax uint64       `json:"memory_max_bytes,omitempty"`
	Imports   []importBody `json:"imports,omitempty"`
	Exports   []string     `json:"exports,omitempty"`
}

type versionBody struct {
	Name      string      `json:"name"`
	Seq       int         `json:"seq"`
	Digest    string      `json:"digest"`
	Size      int64       `json:"size"`
	Uploaded  time.Time   `json:"uploaded"`
	By        string      `json:"by,omitempty"`
	Pinned    bool        `json:"pinned,omitempty"`
	Active    bool        `json:"active,omitempty"`
	Canary    bool        `json:"canary,omitempty"`
	Loaded    bool        `json:"loaded,omitempty"`
	Callbacks []string    `json:"callbacks,omitempty"`
	CompileMS float64     `json:"compile_ms,omitempty"`
	Known     bool        `json:"known,omitempty"`
	DryRun    bool        `json:"dry_run,omitempty"`
	Module    *moduleInfo `json:"module,omitempty"`
}

type versionsBody struct {
	Versions []versionBody `json:"versions"`
	Next     string        `json:"next,omitempty"`
}

type pinBody struct {
	Pinned *bool `json:"pinned"`
}

type deployBody struct {
	// Version is its number. Default: the newest one.
	Version  int    `json:"version,omitempty"`
	Strategy string `json:"strategy,omitempty"`
	Percent  int    `json:"percent,omitempty"`
	// Window is how long the strategy drain takes, such as "10s".
	Window string `json:"window,omitempty"`
}

type deploymentBody struct {
	Plugin   string `json:"plugin"`
	Version  string `json:"version"`
	Previous string `json:"previous,omitempty"`
	Digest   string `json:"digest"`
	Seq      int    `json:"seq"`
	Strategy string `json:"strategy"`
	Percent  int    `json:"percent,omitempty"`
	Revision uint64 `json:"revision"`
	Moved    int    `json:"moved"`
	Stayed   int    `json:"stayed"`
	Ended    int    `json:"ended"`
	Moving   bool   `json:"moving,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

func recordOf(r registry.Tenant) recordBody {
	b := recordBody{Name: r.Name, Revision: r.Revision, Created: r.Created, Suspended: r.Suspended}
	b.settingsBody = settingsBody{Hosts: r.Hosts, Origins: r.Origins, Limits: r.Limits, Connect: r.Connect}
	for _, i := range r.Issuers {
		b.Issuers = append(b.Issuers, issuerBody{Issuer: i.Issuer, Audience: i.Audience, KeysDigest: keysDigest(i.Keys), JWKS: i.JWKS})
	}
	b.Routes = routesOf(r.Routes).Routes
	for i := range r.Plugins {
		p := &r.Plugins[i]
		b.Plugins = append(b.Plugins, pluginBody{p.Name, p.Active, p.Canary, p.Percent, p.Last})
	}
	return b
}

// keysDigest stands for keys without telling them.
func keysDigest(keys string) string {
	if keys == "" {
		return ""
	}
	return registry.DigestOf([]byte(keys)).Short()
}

func routesOf(routes []registry.Route) routesBody {
	b := routesBody{Routes: make([]routeBody, 0, len(routes))}
	for _, r := range routes {
		b.Routes = append(b.Routes, routeBody(r))
	}
	return b
}

func versionOf(v *tenant.VersionInfo) versionBody {
	b := versionBody{
		Name: v.Name, Seq: v.Seq, Digest: v.Digest.String(), Size: v.Size, Uploaded: v.Uploaded, By: v.By, Pinned: v.Pinned,
		Active: v.Active, Canary: v.Canary, Loaded: v.Loaded, Callbacks: v.Callbacks, CompileMS: float64(v.CompileTime.Microseconds()) / 1000, Known: v.Known,
	}
	if m := &v.Module; len(m.Exports) > 0 {
		b.Module = &moduleInfo{Code: m.Code, Data: m.Data, Custom: m.Custom, MemoryMin: m.MemoryMin, MemoryMax: m.MemoryMax, Exports: m.Exports}
		for _, i := range m.Imports {
			b.Module.Imports = append(b.Module.Imports, importBody(i))
		}
	}
	return b
}

func deploymentOf(d tenant.Deployment) deploymentBody {
	return deploymentBody{
		Plugin: d.Plugin, Version: d.Version, Previous: d.Previous, Digest: d.Digest, Seq: d.Seq, Strategy: string(d.Strategy), Percent: d.Percent,
		Revision: d.Revision, Moved: d.Moved, Stayed: d.Stayed, Ended: d.Ended, Moving: d.Moving, DryRun: d.DryRun,
	}
}
