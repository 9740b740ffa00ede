// Package missing is a backend for Terraform's state that refuses every configuration.
package missing

import (
	"fmt"

	"github.com/hashicorp/terraform/internal/backend"
	"github.com/hashicorp/terraform/internal/configs/configschema"
	"github.com/hashicorp/terraform/internal/states/statemgr"
	"github.com/hashicorp/terraform/internal/tfdiags"
	"github.com/zclconf/go-cty/cty"
)

type missing struct{ err error }

// New returns the backend of a name.
func New(name string) backend.Backend {
	return missing{fmt.Errorf("this build of Terraform has no backend %q", name)}
}

func (m missing) ConfigSchema() *configschema.Block { return &configschema.Block{} }

func (m missing) PrepareConfig(value cty.Value) (cty.Value, tfdiags.Diagnostics) {
	return value, tfdiags.Diagnostics{}.Append(m.err)
}

func (m missing) Configure(cty.Value) tfdiags.Diagnostics { return tfdiags.Diagnostics{}.Append(m.err) }

func (m missing) StateMgr(string) (statemgr.Full, error) { return nil, m.err }

func (m missing) DeleteWorkspace(string, bool) error { return m.err }

func (m missing) Workspaces() ([]string, error) { return nil, m.err }
