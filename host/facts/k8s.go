package facts

import (
	"io"
	"path"
	"strings"

	"agentmesh/pdk/abi"

	"go.yaml.in/yaml/v3"
)

func (k *k8sRow) uses(name string) bool {
	for _, w := range [...]string{k.Verb, k.Resource, k.Namespace, k.Name, k.Manifest} {
		if w != "" && w[0] == '$' && w[1:] == name {
			return true
		}
	}
	return false
}

// k8sCall is what is known of a call to a cluster.
type k8sCall struct{ verb, resource, namespace, name string }

// addK8s takes the facts from where the row says they stand.
func (g *gatherer) addK8s(k *k8sRow) {
	get := func(w string) string {
		if w != "" && w[0] == '$' {
			return strings.TrimSpace(g.args.Get(w[1:]).Text())
		}
		return w
	}
	c := k8sCall{strings.ToLower(get(k.Verb)), get(k.Resource), get(k.Namespace), get(k.Name)}
	if k.Manifest != "" {
		c.fromManifest(get(k.Manifest))
	}
	c.split()
	if c.verb == "get" && c.name == "" {
		c.verb = "list"
	}
	if c.verb == "" {
		c.verb = "unknown"
	}
	g.setK8s(c)
	if g.row.Type == "" {
		t := verbType(c.verb)
		g.typ = ""
		g.strengthen(t, "the Kubernetes verb "+quote(c.verb))
	}
}

// split takes "pods/web" and "secrets/x" apart.
func (c *k8sCall) split() {
	if kind, name, ok := strings.Cut(c.resource, "/"); ok && c.name == "" {
		c.resource, c.name = kind, name
	}
	c.resource = plural(c.resource)
}

// plural brings the spellings of a kind together: Pod, po and pods are pods.
func plural(kind string) string {
	k := strings.ToLower(kind)
	if base, _, ok := strings.Cut(k, "."); ok { // deployments.apps
		k = base
	}
	switch k {
	case "po", "pod":
		return "pods"
	case "svc", "service":
		return "services"
	case "deploy", "deployment":
		return "deployments"
	case "rs", "replicaset":
		return "replicasets"
	case "sts", "statefulset":
		return "statefulsets"
	case "ds", "daemonset":
		return "daemonsets"
	case "cm", "configmap":
		return "configmaps"
	case "secret":
		return "secrets"
	case "ns", "namespace":
		return "namespaces"
	case "no", "node":
		return "nodes"
	case "sa", "serviceaccount":
		return "serviceaccounts"
	case "pv", "persistentvolume":
		return "persistentvolumes"
	case "pvc", "persistentvolumeclaim":
		return "persistentvolumeclaims"
	case "ing", "ingress":
		return "ingresses"
	case "netpol", "networkpolicy":
		return "networkpolicies"
	case "cj", "cronjob":
		return "cronjobs"
	case "crd", "customresourcedefinition":
		return "customresourcedefinitions"
	case "", "all":
		return k
	}
	if strings.HasSuffix(k, "s") || strings.Contains(k, ",") {
		return k
	}
	if strings.HasSuffix(k, "y") {
		return k[:len(k)-1] + "ies"
	}
	return k + "s"
}

// fromManifest reads kind, name and namespace from YAML or JSON documents; where they differ among documents the word
// is "several".
func (c *k8sCall) fromManifest(text string) {
	if text == "" || len(text) > 1<<20 {
		return
	}
	d := yaml.NewDecoder(strings.NewReader(text))
	for range 256 {
		var doc struct {
			Kind     string `yaml:"kind"`
			Metadata struct {
				Name      string `yaml:"name"`
				Namespace string `yaml:"namespace"`
			} `yaml:"metadata"`
		}
		if err := d.Decode(&doc); err != nil {
			if err != io.EOF && c.resource == "" {
				c.resource = "unknown"
			}
			return
		}
		c.resource = several(c.resource, plural(doc.Kind))
		c.name = several(c.name, doc.Metadata.Name)
		c.namespace = several(c.namespace, doc.Metadata.Namespace)
	}
}

func several(a, b string) string {
	if a == "" || a == b {
		return b
	}
	if b == "" {
		return a
	}
	return "several"
}

func (g *gatherer) setK8s(c k8sCall) {
	ms := text(nil, "verb", c.verb, abi.Value{})
	ms = text(ms, "resource", c.resource, abi.Value{})
	ms = text(ms, "namespace", c.namespace, abi.Value{})
	ms = text(ms, "name", c.name, abi.Value{})
	g.k8s = abi.ObjectValue(ms...)
	g.note("resource.k8s", strings.Join([]string{c.verb, c.resource, c.namespace, c.name}, " "), "it is a call to a cluster")
	for _, kind := range strings.Split(c.resource, ",") {
		if k := plural(kind); k == "secrets" || k == "sealedsecrets" || k == "several" {
			g.sensitive = true
			g.note("resource.sensitive", "true", "Kubernetes "+k+" hold secrets")
		}
	}
}

// verbType is what a verb of Kubernetes, kubectl or helm does.
func verbType(verb string) Type {
	switch verb {
	case "get", "list", "watch", "describe", "logs", "log", "top", "explain", "api-resources", "api-versions", "version", "cluster-info",
		"events", "diff", "wait", "status", "history", "kustomize", "completion", "options", "search", "show", "template", "lint":
		return Read
	case "create", "apply", "patch", "edit", "replace", "scale", "autoscale", "label", "annotate", "set", "rollout", "expose", "cordon",
		"uncordon", "taint", "update", "install", "upgrade", "rollback", "config", "certificate", "auth", "repo", "pull", "push", "package":
		return Write
	case "delete", "deletecollection", "drain", "evict", "uninstall", "prune":
		return Delete
	case "exec", "attach", "run", "cp", "debug", "plugin":
		return Execute
	case "port-forward", "proxy":
		return Network
	}
	return Unknown
}

// kubectl reads the words of a kubectl or helm command line.
func (g *gatherer) kubectl(words []string) {
	for i, w := range words {
		switch path.Base(w) {
		case "kubectl", "oc", "helm", "kubectl.exe":
			if c, ok := kubectlCall(words[i+1:], path.Base(w) == "helm"); ok && !g.k8s.Exists() {
				g.setK8s(c)
			}
		}
	}
}

func kubectlCall(words []string, helm bool) (k8sCall, bool) {
	var c k8sCall
	rest := 0
	for i := 0; i < len(words) && rest < 3; i++ {
		w := words[i]
		if strings.HasPrefix(w, "-") {
			name, value, inline := strings.Cut(w, "=")
			takes := !inline && i+1 < len(words) && valued(name)
			if takes {
				value = words[i+1]
				i++
			}
			if name == "-n" || name == "--namespace" {
				c.namespace = value
			} else if strings.HasPrefix(w, "-n") && !inline && len(w) > 2 {
				c.namespace = w[2:]
			}
			continue
		}
		switch rest {
		case 0:
			c.verb = strings.ToLower(w)
		case 1:
			c.resource = w
		case 2:
			c.name = w
		}
		rest++
	}
	if helm {
		c.name, c.resource = c.resource, "releases"
	}
	switch c.verb {
	case "exec", "logs", "attach", "port-forward", "debug", "run", "cp":
		if !strings.Contains(c.resource, "/") {
			c.name, c.resource = c.resource, "pods"
		}
	case "get":
		if c.name == "" && !strings.Contains(c.resource, "/") {
			c.verb = "list"
		}
	}
	c.split()
	return c, c.verb != ""
}

// valued reports whether a flag takes the next word as its value.
func valued(flag string) bool {
	switch flag {
	case "-n", "--namespace", "-f", "--filename", "-o", "--output", "-l", "--selector", "-c", "--container", "--context", "--kubeconfig",
		"--cluster", "--user", "-s", "--server", "--token", "--as", "--as-group", "--field-selector", "--sort-by", "--image", "-p", "--patch",
		"--type", "--replicas", "--kube-context", "--values", "--set", "--version", "--timeout", "--request-timeout", "-k", "--kustomize":
		return true
	}
	return false
}
