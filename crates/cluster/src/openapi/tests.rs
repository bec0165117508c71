use super::*;

#[test]
fn every_kind_and_every_reference_has_a_definition() {
    let definitions = definitions();
    for resource in builtin() {
        let node = definitions.node(resource.definition);
        assert!(
            node.is_some(),
            "{resource:?} has no definition {}",
            resource.definition
        );
    }
    let text = serde_json::to_string(definitions.map()).unwrap();
    for part in text.split("\"$ref\":\"").skip(1) {
        let reference = part.split('"').next().unwrap();
        let name = reference.strip_prefix("#/definitions/").expect(reference);
        assert!(definitions.map().contains_key(name), "{name}");
    }
}

#[test]
fn a_strategic_merge_finds_containers_by_name() {
    let deployment = definitions().node("io.k8s.api.apps.v1.Deployment").unwrap();
    let spec = deployment
        .field("spec")
        .unwrap()
        .field("template")
        .unwrap()
        .field("spec")
        .unwrap();
    let containers = spec.field("containers").unwrap();
    assert_eq!(containers.merge_key(), Some("name"));
    assert_eq!(
        containers.items().unwrap().field("ports").unwrap().merge_key(),
        Some("containerPort")
    );
    assert!(!spec.field("tolerations").unwrap().is_merged());
}
