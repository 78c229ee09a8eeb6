//! The features of an act.
//!
//! A command line says by its many words what it is like; an act says little, and what matters is which of it came
//! together: this program, doing this, in this place, to this object. So beside the parts there are features of what is
//! joined, and a baseline can ask for each of them whether it ever was.

use crate::{
    Execution, FeatureClass,
    act::{Object, Place},
    hashed::{
        collect::{Collector, Words},
        path,
        shape::Shapes,
    },
};

/// Emits the features of an act behind those of its process.
pub(super) fn write<W: Words>(mut out: Collector<'_, W>, act: &Execution) -> W {
    let mut arguments = act.arguments.iter();
    let (directory, text) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let manner = arguments;
    let object = Object::of(act.kind, text);
    let shapes = Shapes::default();

    out.open(FeatureClass::Program);
    shapes.write(&act.name, |piece| out.write(piece));
    out.write(" in ");
    shapes.write(directory, |piece| out.write(piece));
    out.write(" as ");
    out.decimal(act.uid);
    out.close();

    out.open(FeatureClass::Manner);
    write_manner(&mut out, act, manner.clone());
    out.close();

    out.open(FeatureClass::Place);
    write_place(&mut out, act, manner.clone(), &object.place);
    out.close();

    match object.place {
        Place::Text(_) if object.is_path => {
            path::write(&mut out, shapes, text.strip_suffix(crate::act::ANY).unwrap_or(text));
        }
        Place::Text(_) if !text.is_empty() && text != crate::act::ANY => {
            out.open(FeatureClass::Word);
            shapes.write(text, |piece| out.write(piece));
            out.close();
        }
        Place::Text(_) => {}
        Place::Network { class, port, .. } => {
            out.feature(FeatureClass::Host, class.as_str());
            out.open(FeatureClass::Number);
            write_port(&mut out, port);
            out.close();
        }
    }
    if !object.leaf.is_empty() {
        out.open(FeatureClass::Object);
        let mut is_temporary = write_place(&mut out, act, manner, &object.place);
        out.write(" ");
        // An address is not made up anew at every run, though it looks it.
        match object.place {
            Place::Network { .. } => out.write(object.leaf),
            Place::Text(_) => {
                path::write_components(object.leaf, &mut is_temporary, |piece| out.write(piece));
            }
        }
        out.close();
    }
    out.into_words()
}

fn write_manner<'m, W: Words>(
    out: &mut Collector<'_, W>,
    act: &Execution,
    manner: impl Iterator<Item = &'m str>,
) {
    out.write(act.kind.as_str());
    for word in manner {
        out.write(" ");
        out.write(word);
    }
}

/// Whether the place is one for temporary files.
fn write_place<'m, W: Words>(
    out: &mut Collector<'_, W>,
    act: &Execution,
    manner: impl Iterator<Item = &'m str>,
    place: &Place<'_>,
) -> bool {
    let mut is_temporary = false;
    Shapes::default().write(&act.name, |piece| out.write(piece));
    out.write(" ");
    write_manner(out, act, manner);
    match place {
        Place::Text("") => {}
        Place::Text(place) => {
            out.write(" in ");
            path::write_components(place, &mut is_temporary, |piece| out.write(piece));
        }
        Place::Network { class, network, port } => {
            out.write(" at ");
            out.write(class.as_str());
            if let Some(network) = network {
                out.write(" ");
                // Rules ask for acts seldom enough that a short text made here costs nothing.
                out.write(&network.to_string());
            }
            out.write(" port ");
            write_port(out, *port);
        }
    }
    is_temporary
}

fn write_port<W: Words>(out: &mut Collector<'_, W>, port: Option<u16>) {
    match port {
        Some(port) => out.decimal(u32::from(port)),
        None => out.write("high"),
    }
}
