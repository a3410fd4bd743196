package admin

import (
	"net/http"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

func (c *call) routes() (*answer, error) {
	r := c.tenant.Record()
	return &answer{body: routesOf(r.Routes), revision: r.Revision}, nil
}

func (c *call) putRoutes() (*answer, error) {
	var b routesBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	if b.Routes == nil {
		return nil, fault(codeBody, `there are no "routes": [] is none of them`)
	}
	routes := make([]registry.Route, 0, len(b.Routes))
	for _, r := range b.Routes {
		routes = append(routes, registry.Route(r))
	}
	r, err := c.tenant.PutRoutes(c.r.Context(), routes, c.change)
	if err != nil {
		return nil, err
	}
	return &answer{body: routesOf(r.Routes), revision: r.Revision}, nil
}

// mostMessages is how many messages one request may publish.
const mostMessages = 1000

func (c *call) publish() (*answer, error) {
	var b publishBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	all := b.Messages
	switch {
	case b.Messages == nil:
		all = []messageBody{{b.Topic, b.Event, b.Payload}}
	case b.Topic != "" || b.Event != "" || b.Payload != nil:
		return nil, fault(codeBody, "one message, or messages: not both")
	case len(all) == 0 || len(all) > mostMessages:
		return nil, fault(codeBody, "there are 1 to %d messages", mostMessages)
	}
	messages := make([]tenant.Message, 0, len(all))
	for _, m := range all {
		if len(m.Payload) == 0 {
			m.Payload = []byte("{}")
		}
		payload, err := phx.JSON(m.Payload)
		if err != nil {
			return nil, fault(codeInvalid, "the payload for %s: %v", m.Topic, err)
		}
		messages = append(messages, tenant.Message{Topic: m.Topic, Event: m.Event, Payload: payload})
	}
	if c.change.DryRun {
		return nil, fault(codeBody, "dry_run has no meaning here")
	}
	if err := c.tenant.Publish(messages...); err != nil {
		return nil, err
	}
	return &answer{body: publishedBody{Published: len(messages)}}, nil
}

func (c *call) upload() (*answer, error) {
	v, err := c.tenant.Upload(c.r.Context(), tenant.Upload{Request: c.change, Plugin: c.plugin(), Module: c.body})
	if err != nil {
		return nil, err
	}
	b := versionOf(&v)
	b.DryRun = c.change.DryRun
	ans := &answer{body: b, revision: c.tenant.Record().Revision}
	if v.Known {
		ans.status = http.StatusOK
	}
	return ans, nil
}

func (c *call) versions() (*answer, error) {
	after, limit, err := c.numberedPage()
	if err != nil {
		return nil, err
	}
	all, err := c.tenant.Versions(c.plugin())
	if err != nil {
		return nil, err
	}
	all, next := cut(all, func(v tenant.VersionInfo) uint64 { return uint64(v.Seq) }, after, limit)
	b := versionsBody{Versions: make([]versionBody, 0, len(all)), Next: word(next)}
	for i := range all {
		b.Versions = append(b.Versions, versionOf(&all[i]))
	}
	return &answer{body: b, revision: c.tenant.Record().Revision}, nil
}

func (c *call) pin() (*answer, error) {
	var b pinBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	if b.Pinned == nil {
		return nil, fault(codeBody, `"pinned" is true or false`)
	}
	seq, err := seqOf(c.r.PathValue("seq"))
	if err != nil {
		return nil, fault(codeUnknown, "%v", err)
	}
	r, err := c.tenant.Pin(c.r.Context(), c.plugin(), seq, *b.Pinned, c.change)
	return &answer{revision: r.Revision}, err
}

func (c *call) deploy() (*answer, error) {
	var b deployBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	d := tenant.Deploy{Request: c.change, Version: b.Version, Strategy: tenant.Strategy(b.Strategy), Percent: b.Percent}
	if b.Window != "" {
		window, err := windowOf(b.Window)
		if err != nil {
			return nil, err
		}
		d.Window = max(window, 1) // 0 would be the default
	}
	return deployed(c.tenant.Deploy(c.r.Context(), c.plugin(), d))
}

func (c *call) rollback() (*answer, error) {
	return deployed(c.tenant.Rollback(c.r.Context(), c.plugin(), c.change))
}

func deployed(d tenant.Deployment, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	return &answer{body: deploymentOf(d), revision: d.Revision}, nil
}

func (c *call) settings() (*answer, error) {
	return c.settingsOf(c.tenant.Record(), nil)
}

func (c *call) putSettings() (*answer, error) {
	settings := map[string]string{}
	if err := c.decode(&settings); err != nil {
		return nil, err
	}
	return c.settingsOf(c.tenant.Configure(c.r.Context(), c.plugin(), settings, c.change))
}

func (c *call) settingsOf(r registry.Tenant, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	for i := range r.Plugins {
		if p := &r.Plugins[i]; p.Name == c.plugin() {
			settings := p.Settings
			if settings == nil {
				settings = map[string]string{}
			}
			return &answer{body: settings, revision: r.Revision}, nil
		}
	}
	return nil, fault(codeUnknown, "there is no plugin %q", c.plugin())
}
