package config

// DefaultAdminAddr is where the admin API is, if nothing else is said.
const DefaultAdminAddr = "127.0.0.1:4001"

// tenantRows are about a host whose tenants and plugins are in a registry.
func tenantRows() Table {
	return Table{
		{Name: "data", Group: groupTenants, Path: WholePath, Example: []string{"/var/lib/chhost"}, Usage: "keep tenants and their plugins in `DIR`, and serve what is there; the admin API changes it while it is served. Each host needs one of its own, and learns nothing of what others store"},
		{Name: "issuer", Group: groupTenants, Kind: Texts, Path: PathInKeys, Example: []string{"iss=https://id.example.com jwks=https://id.example.com/jwks.json aud=chhost claim=tenant"}, Usage: "with --data: the tokens of an issuer name the tenant of a client by a claim (tenant, unless claim= says another), and let it in; `iss=TEXT` with jwks=URL or keys=FILE, and aud=TEXT, claim=NAME, tenants=NAME,NAME"},
		{Name: "admin-addr", Group: groupTenants, Default: DefaultAdminAddr, Usage: "with --data: the admin API listens on `HOST:PORT`, where only operators should come"},
		{Name: "admin-host", Group: groupTenants, Kind: Texts, Example: []string{"admin.example.com"}, Usage: "the admin API answers to the name `NAME` too, besides localhost and addresses"},
		{Name: "admin-tls-cert", Group: groupTenants, Path: WholePath, Example: []string{"admin-cert.pem"}, Usage: "serve the admin API over https:// with the certificate in `FILE`, in PEM with its chain; read again when it changes"},
		{Name: "admin-tls-key", Group: groupTenants, Path: WholePath, Example: []string{"admin-key.pem"}, Usage: "the key of that certificate is in `FILE`, in PEM"},
		{Name: "operator-token-file", Group: groupTenants, Path: WholePath, DefaultText: "operator-token in DIR, made at the first start", Example: []string{"/run/secrets/operator-token"}, Usage: "the operator's token is in `FILE`"},
	}
}
