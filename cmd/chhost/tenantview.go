package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

// record is what a host tells of a tenant.
type record struct {
	Name      string           `json:"name"`
	Revision  uint64           `json:"revision"`
	Created   time.Time        `json:"created"`
	Hosts     []string         `json:"hosts"`
	Origins   []string         `json:"origins"`
	Limits    map[string]int64 `json:"limits"`
	Suspended bool             `json:"suspended"`
	Damaged   string           `json:"damaged"`
	Connect   string           `json:"connect"`
	Issuers   []issuer         `json:"issuers"`
	Routes    []route          `json:"routes"`
	Plugins   []struct {
		Name    string `json:"name"`
		Active  int    `json:"active"`
		Canary  int    `json:"canary"`
		Percent int    `json:"percent"`
		Last    int    `json:"last"`
	} `json:"plugins"`
}

// issuer is what a host tells of an issuer of clients' tokens. Its keys it does not tell.
type issuer struct {
	Issuer     string   `json:"issuer"`
	Audience   []string `json:"audience"`
	KeysDigest string   `json:"keys_digest"`
	JWKS       string   `json:"jwks"`
}

func (i issuer) String() string {
	text := either(i.Issuer, "any name")
	if len(i.Audience) > 0 {
		text += " for " + strings.Join(i.Audience, ", ")
	}
	if i.JWKS != "" {
		return text + ", keys at " + i.JWKS
	}
	return text + ", keys " + i.KeysDigest[:min(len(i.KeysDigest), 8)]
}

func tenantListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the tenants", UsageText: "chhost tenant list [FLAGS]",
		Description: "Example:\n\n" +
			"   chhost tenant list",
		Flags: remoteFlags(),
		Action: func(c *cli.Context) error {
			if err := arguments(c); err != nil {
				return err
			}
			return withTenant(c, 0, listTenants)
		},
	}
}

func listTenants(c *cli.Context, a *remoteHost) error {
	var tenants []record
	answer, err := a.list(c, remote.Path("v1", "tenants"), "tenants", &tenants)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"TENANT", "STATE", "HOSTS", "PLUGINS"}}
		for _, t := range tenants {
			rows = append(rows, []string{t.Name, t.state(), strings.Join(t.Hosts, ", "), strings.Join(t.served(), ", ")})
		}
		return table(w, rows)
	})
}

func (t record) state() string {
	switch {
	case t.Damaged != "":
		return "damaged"
	case t.Suspended:
		return "suspended"
	}
	return "serves"
}

// served are the plugins with the versions that are served.
func (t record) served() []string {
	var names []string
	for _, p := range t.Plugins {
		name := p.Name
		if p.Active != 0 {
			name += "@" + strconv.Itoa(p.Active)
		}
		if p.Canary != 0 {
			name += fmt.Sprintf(" (%d%%: @%d)", p.Percent, p.Canary)
		}
		names = append(names, name)
	}
	return names
}

func showTenant(c *cli.Context, a *remoteHost) error {
	var t record
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of()}, &t)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{
			{"tenant", t.Name},
			{"state", t.state()},
			{"revision", strconv.FormatUint(t.Revision, 10)},
			{"created", t.Created.Local().Format("2006-01-02 15:04:05")},
			{"hosts", strings.Join(t.Hosts, ", ")},
			{"origins", strings.Join(t.Origins, ", ")},
			{"connect", t.Connect},
		}
		for _, name := range slices.Sorted(maps.Keys(t.Limits)) {
			rows = append(rows, []string{"limit", name + "=" + strconv.FormatInt(t.Limits[name], 10)})
		}
		for _, i := range t.Issuers {
			rows = append(rows, []string{"issuer", i.String()})
		}
		for _, r := range t.Routes {
			rows = append(rows, []string{"route", r.Pattern + " -> " + r.Plugin})
		}
		for _, name := range t.served() {
			rows = append(rows, []string{"plugin", name})
		}
		return table(w, rows)
	})
}

func tenantUsage(c *cli.Context, a *remoteHost) error {
	var u struct {
		Connections int64 `json:"connections"`
		Topics      int64 `json:"topics"`
		Memory      int64 `json:"memory"`
		Frames      int64 `json:"frames"`
		Bytes       int64 `json:"bytes"`
		SentFrames  int64 `json:"sent_frames"`
		SentBytes   int64 `json:"sent_bytes"`
		Fuel        int64 `json:"fuel"`
		Refused     int64 `json:"refused"`
		RateLimited int64 `json:"rate_limited"`
		Published   int64 `json:"published"`
		SlowClosed  int64 `json:"slow_closed"`
		Failed      int64 `json:"failed"`
		Versions    []struct {
			Name        string `json:"name"`
			Channels    int64  `json:"channels"`
			Calls       int64  `json:"calls"`
			Crashes     int64  `json:"crashes"`
			Fuel        int64  `json:"fuel"`
			Memory      int64  `json:"memory"`
			Quarantined bool   `json:"quarantined"`
		} `json:"versions"`
	}
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of("usage")}, &u)
	if err != nil {
		return err
	}
	digits := func(n int64) string { return strconv.FormatInt(n, 10) }
	return report(c, answer, func(w io.Writer) error {
		err := table(w, [][]string{
			{"connections", digits(u.Connections)}, {"topics", digits(u.Topics)}, {"memory of plugins", sized(u.Memory)},
			{"received", digits(u.Frames) + " frames, " + sized(u.Bytes)}, {"sent", digits(u.SentFrames) + " frames, " + sized(u.SentBytes)},
			{"fuel", digits(u.Fuel)}, {"refused clients", digits(u.Refused)}, {"frames above the rates", digits(u.RateLimited)}, {"published", digits(u.Published)},
			{"slow clients closed", digits(u.SlowClosed)}, {"failed channels", digits(u.Failed)},
		})
		if err != nil || len(u.Versions) == 0 {
			return err
		}
		rows := [][]string{{"VERSION", "CHANNELS", "CALLS", "CRASHES", "FUEL", "MEMORY", "STATE"}}
		for _, v := range u.Versions {
			state := ""
			if v.Quarantined {
				state = "quarantined"
			}
			rows = append(rows, []string{v.Name, digits(v.Channels), digits(v.Calls), digits(v.Crashes), digits(v.Fuel), sized(v.Memory), state})
		}
		fmt.Fprintln(w)
		return table(w, rows)
	})
}

func tenantTopics(c *cli.Context, a *remoteHost) error {
	var topics []struct {
		Topic    string `json:"topic"`
		Handler  string `json:"handler"`
		Channels int    `json:"channels"`
	}
	answer, err := a.list(c, a.of("topics"), "topics", &topics)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"TOPIC", "VERSION", "CHANNELS"}}
		for _, t := range topics {
			rows = append(rows, []string{t.Topic, t.Handler, strconv.Itoa(t.Channels)})
		}
		return table(w, rows)
	})
}

func tenantSockets(c *cli.Context, a *remoteHost) error {
	var sockets []struct {
		Number uint64    `json:"number"`
		ID     string    `json:"id"`
		Opened time.Time `json:"opened"`
		Topics []string  `json:"topics"`
	}
	answer, err := a.list(c, a.of("sockets"), "sockets", &sockets)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error {
		rows := [][]string{{"SOCKET", "ID", "OPENED", "TOPICS"}}
		for _, s := range sockets {
			rows = append(rows, []string{strconv.FormatUint(s.Number, 10), s.ID, s.Opened.Local().Format("15:04:05"), strings.Join(s.Topics, ", ")})
		}
		return table(w, rows)
	})
}

// auditEntry is a line of the audit log.
type auditEntry struct {
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"`
	Tenant   string    `json:"tenant,omitempty"`
	By       string    `json:"by,omitempty"`
	Action   string    `json:"action"`
	Detail   string    `json:"detail,omitempty"`
	Revision uint64    `json:"revision,omitempty"`
}

// auditLines is how many of the newest entries are shown.
const auditLines = 100

// tenantAudit reads the log from its begin, as the host has it, and keeps the newest.
func tenantAudit(c *cli.Context, a *remoteHost) error {
	entries := []auditEntry{}
	err := a.pages(c, a.of("audit"), func(page *remote.Answer) error {
		var more struct {
			Entries []auditEntry `json:"entries"`
		}
		if err := page.Into(&more); err != nil {
			return err
		}
		entries = append(entries, more.Entries...)
		entries = entries[max(0, len(entries)-auditLines):]
		return nil
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]any{"entries": entries})
	}
	rows := [][]string{{"AT", "BY", "ACTION", "DETAIL", "REVISION"}}
	for _, e := range entries {
		revision := "" // of what changes nothing that is stored
		if e.Revision != 0 {
			revision = strconv.FormatUint(e.Revision, 10)
		}
		rows = append(rows, []string{e.At.Local().Format("2006-01-02 15:04:05"), e.By, e.Action, e.Detail, revision})
	}
	return table(c.App.Writer, rows)
}
