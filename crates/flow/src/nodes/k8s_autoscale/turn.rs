//! A point's turn: read, decide, write, take in the answer (N-192…N-203).

use std::fmt::Display;

use capstan_expr::State;
use capstan_hpa::cooldown::{Decision, Hold, decide};
use capstan_hpa::record::{Direction, Write, WriteStatus};
use capstan_model::ValueRef;

use super::exec::{K8sAutoscale, MESSAGE};
use super::point::Point;
use super::resource::{Flight, Resource, Writing};
use super::telling::Said;
use crate::node::Context;
use crate::ports::{ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleState};
use crate::rows::OutputRows;

/// How often one point is decided anew because somebody else changed the object meanwhile.
const CONFLICTS: u8 = 3;

/// Where a point's turn led.
enum Next {
    /// The next point's turn.
    Done,
    /// Another resource has points now.
    Forwarded(u32),
}

impl K8sAutoscale {
    /// Handles answers and waiting points of a resource, and of those its points are forwarded to, until a request is
    /// under way or nothing is left.
    pub(super) fn run(&mut self, ctx: &mut Context<'_>, at: u32) {
        let mut at = at;
        loop {
            let resource = &mut self.resources[at as usize];
            if let Some(answer) = resource.mail.take() {
                match answer {
                    ScaleAnswer::Observed(result) => self.observed(ctx, at, result),
                    ScaleAnswer::Written(result) => self.written(ctx, at, result),
                }
                continue;
            }
            if resource.flight.is_some() {
                return;
            }
            let Some(point) = resource.waiting.pop_front() else {
                return;
            };
            self.waiting -= 1;
            if let Next::Forwarded(owner) = self.turn(ctx, at, point) {
                let mut rest = std::mem::take(&mut self.resources[at as usize].waiting);
                self.resources[owner as usize].waiting.append(&mut rest);
                at = owner;
            }
        }
    }

    fn turn(&mut self, ctx: &mut Context<'_>, at: u32, mut point: Point) -> Next {
        let Some(state) = &self.resources[at as usize].current else {
            self.back(at, point);
            self.read(at);
            return Next::Done;
        };
        if self.settings.scale_owner
            && let Some(owner) = state.owner.clone()
        {
            return self.forward(ctx, at, &owner, point);
        }
        let current = state.replicas;
        // A group that was deleted meanwhile stays deleted.
        let mut gone = State::default();
        let memory = self.groups.get_mut(point.group).map_or_else(
            || {
                gone = self.lambda.state();
                &mut gone
            },
            |group| &mut group.expression,
        );
        let raw = match point.evaluate(self.lambda.compiled(), self.current_slot, memory, current) {
            Ok(raw) => raw,
            Err(error) => {
                ctx.error(
                    MESSAGE,
                    format_args!("failed to evaluate the replicas expression: {error}"),
                );
                self.done(ctx, point.group);
                return Next::Done;
            }
        };
        let cooldown = &self.resources[at as usize].cooldown;
        let decision = decide(cooldown, &self.settings.limits, point.time, current, raw);
        match decision.hold {
            Some(hold) => self.hold(ctx, at, &point, &decision, hold),
            None => return self.change(ctx, at, point, decision),
        }
        self.done(ctx, point.group);
        Next::Done
    }

    /// Nothing changes. A limit or a cooldown that is the reason is told.
    fn hold(&mut self, ctx: &Context<'_>, at: u32, point: &Point, decision: &Decision, hold: Hold) {
        self.counts.cooldown_drops += i64::from(hold.is_cooldown());
        if decision.is_notable() {
            self.tell(ctx, at, point, decision, Said::held(decision, hold), None);
        }
    }

    /// Tells a record of a decision that wrote nothing, unless it only repeats the last one.
    fn tell(
        &mut self,
        ctx: &Context<'_>,
        at: u32,
        point: &Point,
        decision: &Decision,
        said: Said,
        failure: Option<&str>,
    ) {
        let resource = &mut self.resources[at as usize];
        let Some(state) = &resource.current else { return };
        if resource.telling.repeat(&said, point.time) {
            self.tell_soon(ctx);
            return;
        }
        let mut record = decision.record(resource.record_target(state), self.source.clone());
        record.inputs = point.inputs(self.lambda.compiled(), self.current_slot);
        if let Some(failure) = failure {
            record.write = Write::failed(failure);
        }
        resource.telling.tell(&*self.scaler, said, record);
    }

    /// Something changes, unless somebody else would change it back.
    fn change(&mut self, ctx: &mut Context<'_>, at: u32, point: Point, decision: Decision) -> Next {
        let resource = &self.resources[at as usize];
        let Some(state) = resource.current.clone() else {
            return Next::Done;
        };
        if let Some(rival) = rival(resource, &state) {
            self.complain(
                ctx,
                at,
                true,
                format_args!("failed to apply scaling event: {rival}"),
            );
            let said = Said::failed(&decision, &rival);
            self.tell(ctx, at, &point, &decision, said, Some(&rival));
            self.done(ctx, point.group);
            return Next::Done;
        }
        let mut record = decision.record(resource.record_target(&state), self.source.clone());
        record.inputs = point.inputs(self.lambda.compiled(), self.current_slot);
        tracing::info!(
            task = &**ctx.task(),
            node = &**ctx.node(),
            id = resource.id(),
            old = decision.current,
            new = decision.desired,
            "setting replicas"
        );
        let request = ScaleRequest::Write {
            replicas: decision.desired,
            expected: state,
            record: Box::new(record.clone()),
        };
        let writing = Box::new(Writing {
            point,
            decision,
            record,
            seen: None,
        });
        self.resources[at as usize].flight = Some(Flight::Write(writing));
        self.send(at, request);
        Next::Done
    }

    fn read(&mut self, at: u32) {
        self.resources[at as usize].flight = Some(Flight::Read);
        self.send(at, ScaleRequest::Observe);
    }

    fn send(&mut self, at: u32, request: ScaleRequest) {
        self.requests += 1;
        let resource = &self.resources[at as usize];
        self.scaler
            .send(&resource.target, request, resource.sink.0.clone());
    }

    /// Puts a point back to the front.
    fn back(&mut self, at: u32, point: Point) {
        self.resources[at as usize].waiting.push_front(point);
        self.waiting += 1;
    }

    /// The owner is scaled instead (N-218).
    fn forward(&mut self, ctx: &mut Context<'_>, at: u32, owner: &str, point: Point) -> Next {
        let target = owner
            .split_once('/')
            .and_then(|(kind, name)| self.resource(kind, name));
        if let Some(owner) = target.filter(|&owner| !self.leads_to(owner, at)) {
            self.resources[at as usize].forward = Some(owner);
            self.back(owner, point);
            return Next::Forwarded(owner);
        }
        let id = self.resources[at as usize].id();
        let error =
            format_args!("failed to apply scaling event: the owner {owner:?} of {id:?} cannot be scaled");
        self.complain(ctx, at, true, error);
        self.done(ctx, point.group);
        Next::Done
    }

    /// Whether points of `from` end up at `to`, so that sending those of `to` to `from` would never end.
    fn leads_to(&self, from: u32, to: u32) -> bool {
        let mut at = Some(from);
        while let Some(reached) = at {
            if reached == to {
                return true;
            }
            at = self.resources[reached as usize].forward;
        }
        false
    }

    fn observed(&mut self, ctx: &mut Context<'_>, at: u32, result: Result<ScaleState, ScaleError>) {
        let resource = &mut self.resources[at as usize];
        let reading = matches!(resource.flight, Some(Flight::Read));
        if reading {
            resource.flight = None;
            self.requests -= 1;
        }
        match result {
            Ok(state) if reading => {
                resource.complaint = None;
                resource.know(state);
            }
            Ok(state) => {
                if let Some(Flight::Write(writing)) = &mut resource.flight {
                    writing.seen = Some(state.clone());
                }
                resource.see(state, ctx.now());
            }
            Err(error) if reading => self.unknown(ctx, at, &error),
            // It is gone: the next point asks anew. Other failures of a watch say nothing about the object.
            Err(error) if error.reason == ScaleReason::NotFound => resource.current = None,
            Err(_) => {}
        }
    }

    /// The scale could not be read. Every point that waited for it is dropped; the next one asks again (N-192).
    fn unknown(&mut self, ctx: &mut Context<'_>, at: u32, error: &ScaleError) {
        let resource = &mut self.resources[at as usize];
        let points = std::mem::take(&mut resource.waiting);
        self.waiting -= points.len();
        let text = format!(
            "could not determine initial scale for {:?}: {error}",
            resource.id()
        );
        for point in points {
            self.complain(ctx, at, error.reason == ScaleReason::NotFound, &text);
            self.done(ctx, point.group);
        }
    }

    fn written(&mut self, ctx: &mut Context<'_>, at: u32, result: Result<ScaleState, ScaleError>) {
        let resource = &mut self.resources[at as usize];
        let Some(Flight::Write(writing)) = resource
            .flight
            .take_if(|flight| matches!(flight, Flight::Write(_)))
        else {
            return;
        };
        self.requests -= 1;
        match result {
            Ok(state) => {
                resource.complaint = None;
                self.applied(ctx, at, *writing, state);
            }
            Err(error) => self.refused(ctx, at, *writing, &error),
        }
    }

    /// The change was made (N-202, N-203).
    fn applied(&mut self, ctx: &mut Context<'_>, at: u32, writing: Writing, state: ScaleState) {
        let Writing {
            point,
            decision,
            mut record,
            ..
        } = writing;
        let resource = &mut self.resources[at as usize];
        let changed_by = resource
            .current
            .as_ref()
            .and_then(|known| known.changed_by.clone());
        record.write = Write {
            status: WriteStatus::Succeeded,
            message: changed_by
                .map(|who| format!("changed by {who} before"))
                .unwrap_or_default(),
        };
        resource.wrote(state, ctx.now());
        resource.cooldown.applied(decision.direction, decision.now);
        match decision.direction {
            Direction::ScaleUp => self.counts.increases += 1,
            Direction::ScaleDown => self.counts.decreases += 1,
            Direction::None => {}
        }
        resource.telling.changed(&*self.scaler, &record);
        self.event(ctx, at, &point, &decision);
        self.done(ctx, point.group);
    }

    /// The change was not made: no cooldown is spent, and the next point tries again (N-201). After a conflict the same
    /// point is decided anew from what there is now.
    fn refused(&mut self, ctx: &mut Context<'_>, at: u32, writing: Writing, error: &ScaleError) {
        let Writing {
            mut point,
            decision,
            seen,
            ..
        } = writing;
        let resource = &mut self.resources[at as usize];
        if error.reason == ScaleReason::Conflict && point.tries < CONFLICTS {
            point.tries += 1;
            match seen {
                Some(state) => resource.know(state),
                None => resource.current = None,
            }
            self.back(at, point);
            return;
        }
        let text = format!(
            "failed to apply scaling event: failed to set new replica count for {:?}: {error}",
            resource.id()
        );
        self.complain(ctx, at, error.reason == ScaleReason::NotFound, &text);
        self.tell(
            ctx,
            at,
            &point,
            &decision,
            Said::failed(&decision, &error.message),
            Some(&error.message),
        );
        if matches!(error.reason, ScaleReason::NotFound | ScaleReason::Conflict) {
            self.resources[at as usize].current = None;
        }
        self.done(ctx, point.group);
    }

    /// Emits what was changed.
    fn event(&self, ctx: &mut Context<'_>, at: u32, point: &Point, decision: &Decision) {
        let resource = &self.resources[at as usize];
        let mut tags = ctx.group(point.group).tags.clone();
        for (tag, value) in [
            (&self.settings.namespace_tag, resource.namespace()),
            (&self.settings.kind_tag, &resource.target.kind),
            (&self.settings.resource_tag, &resource.target.name),
        ] {
            if !tag.is_empty() && !value.is_empty() {
                tags = tags.with(tag, value);
            }
        }
        let mut rows = OutputRows::new(self.keys.clone());
        rows.row(&point.name, point.time, self.keys.intern(&tags), point.group);
        rows.field(&"old".into(), ValueRef::Int(decision.current));
        rows.field(&"new".into(), ValueRef::Int(decision.desired));
        for message in rows.finish() {
            ctx.emit(message);
        }
    }

    /// Counts an error. What holds for every point until somebody mends it is logged `once`, then only counted.
    fn complain(&mut self, ctx: &mut Context<'_>, at: u32, once: bool, error: impl Display) {
        let resource = &mut self.resources[at as usize];
        let error = error.to_string();
        if once && resource.complaint.as_ref() == Some(&error) {
            let now = ctx.now();
            ctx.errors.add(MESSAGE, &error, now);
            return;
        }
        ctx.error(MESSAGE, &error);
        resource.complaint = once.then_some(error);
    }
}

/// Who else sets the object's replicas, in the words of an error (design rule "one writer per scale").
fn rival(resource: &Resource, state: &ScaleState) -> Option<String> {
    let id = resource.id();
    if let Some(autoscaler) = &state.autoscaler {
        return Some(format!(
            "{id:?} is scaled by {autoscaler} already; delete that, or scale another resource"
        ));
    }
    state.owner.as_ref().map(|owner| {
        format!(
            "{id:?} is owned by {owner}, which would set its replicas back; name {owner} instead, or add .scaleOwner()"
        )
    })
}
