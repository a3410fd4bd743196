package admin

import "testing"

// Whoever has a token may ask whose it is, and what limits there are: a login with a
// deploy token had been refused, as what is the operator's is.
func TestDeployTokenKnowsItself(t *testing.T) {
	o := newOffice(t, nil)
	o.must(201, "PUT", "/v1/tenants/acme", settingsBody{}, nil)
	var minted mintedBody
	o.must(201, "POST", "/v1/tenants/acme/tokens", nil, &minted)
	got := o.ask("GET", "/v1/whoami", minted.Token, nil)
	who, _ := parse(got.body).(map[string]any)
	if got.status != 200 || who["operator"] != false || who["tenant"] != "acme" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := o.ask("GET", "/v1/limits", minted.Token, nil); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/tenants", "/v1/audit", "/v1/tenants/default", "/v1/backup"} {
		if got := o.ask("GET", path, minted.Token, nil); got.code() != codeForbidden {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}
