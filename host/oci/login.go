package oci

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// loginTime is how long a credential helper may take: one may have to ask its user.
const loginTime = time.Minute

// loginsOf reads docker's configuration, whose credential helpers are then asked when a registry wants a login. The user's
// own is read only then: who needs no login needs no such file, and one that is broken disturbs nobody else.
func loginsOf(o Options) (auth.CredentialFunc, error) {
	if o.DockerConfig == "" {
		return func(ctx context.Context, host string) (auth.Credential, error) {
			store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
			if err != nil {
				return auth.EmptyCredential, badLogins(err)
			}
			return ask(ctx, store, host)
		}, nil
	}
	_, err := os.Stat(o.DockerConfig)
	if err != nil {
		return nil, badLogins(err)
	}
	store, err := credentials.NewStore(o.DockerConfig, credentials.StoreOptions{})
	if err != nil {
		return nil, badLogins(err)
	}
	return func(ctx context.Context, host string) (auth.Credential, error) { return ask(ctx, store, host) }, nil
}

func badLogins(err error) error {
	return &Error{
		Code: CodeOptionsInvalid, Place: "docker configuration", Detail: err.Error(), Err: err,
		Mend: "mend config.json, or name the folder of another by $DOCKER_CONFIG",
	}
}

// ask asks a store, and with it perhaps a credential helper, for the login at a host.
func ask(ctx context.Context, store credentials.Store, host string) (auth.Credential, error) {
	limited, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	c, err := credentials.Credential(store)(limited, host)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		return auth.EmptyCredential, ctx.Err()
	}
	return auth.EmptyCredential, badHelper(host, err, limited.Err() != nil)
}

// badHelper is the error of a credential helper. What the helper says itself is left out: it deals in secrets, and errors go to
// logs.
func badHelper(host string, err error, late bool) error {
	detail := "it failed for " + host
	missing, absent := errors.AsType[*exec.Error](err)
	switch {
	case late:
		detail = "it gave no login for " + host + " within " + loginTime.String()
	case absent:
		detail = missing.Error()
	}
	return &Error{
		Code: CodeOptionsInvalid, Place: "credential helper", Detail: detail,
		Mend: "run the helper that docker's config.json names (docker-credential-NAME get, the host on its input), or log in again",
	}
}
