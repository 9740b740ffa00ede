// Package dang stands in for the package of Dang v2, which the Go module proxy does not serve, by that of Dang v1:
// the engine compiles, and runs modules written for v1 (the only Dang module here is embedded/sdk).
package dang

import "github.com/vito/dang/pkg/dang"

type (
	BoolValue            = dang.BoolValue
	ConstructorFunction  = dang.ConstructorFunction
	DirectiveApplication = dang.DirectiveApplication
	EnumValue            = dang.EnumValue
	FieldDecl            = dang.FieldDecl
	FunCall              = dang.FunCall
	GraphQLFunction      = dang.GraphQLFunction
	GraphQLValue         = dang.GraphQLValue
	ImportConfig         = dang.ImportConfig
	IntValue             = dang.IntValue
	Keyed[X any]         = dang.Keyed[X]
	ListType             = dang.ListType
	ListValue            = dang.ListValue
	MapType              = dang.MapType
	MapValue             = dang.MapValue
	Node                 = dang.Node
	NullValue            = dang.NullValue
	Object               = dang.Object
	Record               = dang.Record
	RecordType           = dang.RecordType
	ScalarValue          = dang.ScalarValue
	Select               = dang.Select
	StringValue          = dang.StringValue
	Symbol               = dang.Symbol
	Type                 = dang.Type
	TypeScope            = dang.TypeScope
	Value                = dang.Value
	ValueNode            = dang.ValueNode
	ValueScope           = dang.ValueScope
)

const (
	BindingOriginLocal = dang.BindingOriginLocal
	EnumKind           = dang.EnumKind
	InterfaceKind      = dang.InterfaceKind
	PrivateVisibility  = dang.PrivateVisibility
	PublicVisibility   = dang.PublicVisibility
	ScalarKind         = dang.ScalarKind
)

var (
	ContextWithImportConfigs = dang.ContextWithImportConfigs
	CreateOverlayValueScope  = dang.CreateOverlayValueScope
	DeclareDir               = dang.DeclareDir
	EvalNode                 = dang.EvalNode
	EvaluateFormsWithPhases  = dang.EvaluateFormsWithPhases
	NewObject                = dang.NewObject
	RunDir                   = dang.RunDir
	StringType               = dang.StringType
)
