//! A crate as its files have it: modules, the names in them, and every path that is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree, Visibility};

use crate::Result;

/// Modules, names and paths of one crate.
#[derive(Default)]
pub(super) struct Crate {
    pub(super) files: Vec<PathBuf>,
    /// The first is the crate's root.
    pub(super) modules: Vec<Module>,
    pub(super) references: Vec<Reference>,
    /// The file of each `macro_rules!` by name: they are in scope by the order of text, which is not followed here.
    pub(super) macros: BTreeMap<String, usize>,
}

pub(super) struct Module {
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    pub(super) names: BTreeMap<String, Vec<Meaning>>,
    /// The paths of `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
}

/// What a name in a module stands for.
pub(super) enum Meaning {
    /// Defined here.
    Item,
    /// A module, by its number.
    Module(usize),
    /// Brought in by `use`.
    Alias(Vec<String>),
}

/// A path somewhere in the code of a module.
pub(super) struct Reference {
    pub(super) module: usize,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    pub(super) is_macro: bool,
}

impl Crate {
    /// Reads the file with the crate's root, and every file that belongs to it.
    pub(super) fn read(main: &Path) -> Result<Crate> {
        let mut source = Crate::default();
        let folder = main.parent().unwrap_or(Path::new("")).to_path_buf();
        source.read_file(main, folder, None)?;
        Ok(source)
    }

    /// Reads a module's file; `folder` is where its child modules have theirs.
    fn read_file(&mut self, path: &Path, folder: PathBuf, parent: Option<usize>) -> Result<usize> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let syntax = syn::parse_file(&text)
            .map_err(|error| format!("{}:{}: {error}", path.display(), error.span().start().line))?;
        self.files.push(path.to_path_buf());
        let file = self.files.len() - 1;
        let module = self.add_module(file, parent);
        let mut reader = Reader { source: self, file, module, folder, locals: Vec::new(), result: Ok(()) };
        reader.visit_file(&syntax);
        reader.result.map(|()| module)
    }

    fn add_module(&mut self, file: usize, parent: Option<usize>) -> usize {
        self.modules.push(Module { file, parent, names: BTreeMap::new(), globs: Vec::new() });
        self.modules.len() - 1
    }
}

/// Walks over the syntax of one module.
struct Reader<'a> {
    source: &'a mut Crate,
    file: usize,
    module: usize,
    folder: PathBuf,
    /// The variables of the functions around.
    locals: Vec<BTreeSet<String>>,
    result: Result<()>,
}

impl Reader<'_> {
    fn define(&mut self, name: &Ident, meaning: Meaning) {
        self.source.modules[self.module].names.entry(name.to_string()).or_default().push(meaning);
    }

    fn refer(&mut self, path: Vec<String>, line: usize, is_macro: bool) {
        if let ([name], false) = (path.as_slice(), is_macro)
            && self.locals.iter().any(|names| names.contains(name))
        {
            return;
        }
        self.source.references.push(Reference { module: self.module, path, line, is_macro });
    }

    /// `mod name;` and `mod name { … }`.
    fn read_module(&mut self, item: &syn::ItemMod) -> Result<()> {
        let name = item.ident.to_string();
        let below = self.folder.join(&name);
        let module = match &item.content {
            Some((_, items)) => {
                let module = self.source.add_module(self.file, Some(self.module));
                let (file, folder) = (self.file, below);
                let mut inner =
                    Reader { source: self.source, file, module, folder, locals: Vec::new(), result: Ok(()) };
                items.iter().for_each(|item| inner.visit_item(item));
                inner.result?;
                module
            }
            None => {
                let beside = self.folder.join(format!("{name}.rs"));
                let path = if beside.exists() { beside } else { below.join("mod.rs") };
                self.source.read_file(&path, below, Some(self.module))?
            }
        };
        self.define(&item.ident, Meaning::Module(module));
        Ok(())
    }

    fn read_use(&mut self, tree: &UseTree, prefix: &[String], public: bool) {
        let extended = |ident: &Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.read_use(&path.tree, &extended(&path.ident), public),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.read_use(tree, prefix, public));
            }
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = prefix.last() {
                    let last = Ident::new(last, name.ident.span());
                    self.import(&last, prefix.to_vec(), public);
                }
            }
            UseTree::Name(name) => self.import(&name.ident, extended(&name.ident), public),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.import(&rename.rename, prefix.to_vec(), public);
            }
            UseTree::Rename(rename) => self.import(&rename.rename, extended(&rename.ident), public),
            UseTree::Glob(_) => self.source.modules[self.module].globs.push(prefix.to_vec()),
        }
    }

    fn import(&mut self, name: &Ident, path: Vec<String>, public: bool) {
        self.define(name, Meaning::Alias(path.clone()));
        if !public {
            // An import counts even if no path uses it, such as a trait imported for its methods.
            let line = name.span().start().line;
            self.source.references.push(Reference { module: self.module, path, line, is_macro: false });
        }
    }

    /// Every path among tokens that are not parsed: what a macro is given, or an attribute.
    fn scan(&mut self, tokens: TokenStream, only_certain: bool) {
        let mut tokens = tokens.into_iter().peekable();
        let mut before = ' ';
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    self.scan(group.stream(), only_certain);
                    before = ' ';
                }
                TokenTree::Punct(punct) => before = punct.as_char(),
                TokenTree::Literal(_) => before = ' ',
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    let mut path = vec![ident.to_string()];
                    let mut colons = 0;
                    loop {
                        match tokens.peek() {
                            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => colons += 1,
                            Some(TokenTree::Ident(next)) if colons == 2 => {
                                path.push(next.to_string());
                                colons = 0;
                            }
                            _ => break,
                        }
                        tokens.next();
                    }
                    let is_macro =
                        matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                    let single = path.len() == 1 && path[0].starts_with(|c: char| c.is_lowercase());
                    let field = single && colons == 1;
                    let certain = !(single && only_certain || field || matches!(before, '.' | '\''));
                    if certain {
                        self.refer(path, line, is_macro);
                    }
                    before = ' ';
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if only_for_tests(attributes(item)) {
            return;
        }
        match item {
            Item::Const(item) => self.define(&item.ident, Meaning::Item),
            Item::Enum(item) => self.define(&item.ident, Meaning::Item),
            Item::Fn(item) => self.define(&item.sig.ident, Meaning::Item),
            Item::Static(item) => self.define(&item.ident, Meaning::Item),
            Item::Struct(item) => self.define(&item.ident, Meaning::Item),
            Item::Trait(item) => self.define(&item.ident, Meaning::Item),
            Item::TraitAlias(item) => self.define(&item.ident, Meaning::Item),
            Item::Type(item) => self.define(&item.ident, Meaning::Item),
            Item::Union(item) => self.define(&item.ident, Meaning::Item),
            Item::Macro(item) => {
                if let Some(name) = &item.ident {
                    self.define(name, Meaning::Item);
                    self.source.macros.insert(name.to_string(), self.file);
                }
            }
            Item::Use(item) => {
                let public = !matches!(item.vis, Visibility::Inherited);
                return self.read_use(&item.tree, &[], public);
            }
            Item::Mod(item) => {
                if self.result.is_ok() {
                    self.result = self.read_module(item);
                }
                return;
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !only_for_tests(&function.attrs) {
            self.locals.push(Variables::of(|names| names.visit_impl_item_fn(function)));
            visit::visit_impl_item_fn(self, function);
            self.locals.pop();
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.locals.push(Variables::of(|names| names.visit_item_fn(function)));
        visit::visit_item_fn(self, function);
        self.locals.pop();
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.locals.push(Variables::of(|names| names.visit_trait_item_fn(function)));
        visit::visit_trait_item_fn(self, function);
        self.locals.pop();
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !only_for_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !only_for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !only_for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        if !only_for_tests(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = path.segments.first()
            && path.leading_colon.is_none()
        {
            self.refer(names, first.ident.span().start().line, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        // A constant or a variant looks the same as a variable.
        self.refer(vec![pattern.ident.to_string()], pattern.ident.span().start().line, false);
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let path: Vec<String> =
            called.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = called.path.segments.first() {
            self.refer(path, first.ident.span().start().line, true);
        }
        self.scan(called.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta
            && !list.path.is_ident("cfg")
        {
            self.scan(list.tokens.clone(), true);
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// The variables that a function's patterns bind.
#[derive(Default)]
struct Variables {
    names: BTreeSet<String>,
}

impl Variables {
    fn of(walk: impl FnOnce(&mut Variables)) -> BTreeSet<String> {
        let mut variables = Variables::default();
        walk(&mut variables);
        variables.names
    }
}

impl Visit<'_> for Variables {
    fn visit_pat_ident(&mut self, pattern: &syn::PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(|c: char| c.is_lowercase() || c == '_') {
            self.names.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether a `cfg` leaves this out of every build but tests.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions
        .filter_map(|attribute| attribute.parse_args::<Meta>().ok())
        .any(|cfg| without_tests(&cfg) == Some(false))
}

/// The value of a `cfg` predicate outside tests; none where it depends on something else.
fn without_tests(predicate: &Meta) -> Option<bool> {
    let Meta::List(list) = predicate else {
        return predicate.path().is_ident("test").then_some(false);
    };
    let parser = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
    let parts: Vec<Option<bool>> = list.parse_args_with(parser).ok()?.iter().map(without_tests).collect();
    let (any, all) = (list.path.is_ident("any"), list.path.is_ident("all"));
    match parts.as_slice() {
        [part] if list.path.is_ident("not") => part.map(|value| !value),
        _ if any && parts.contains(&Some(true)) => Some(true),
        _ if any && parts.iter().all(|part| *part == Some(false)) => Some(false),
        _ if all && parts.contains(&Some(false)) => Some(false),
        _ if all && parts.iter().all(|part| *part == Some(true)) => Some(true),
        _ => None,
    }
}
