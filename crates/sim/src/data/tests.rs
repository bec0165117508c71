use std::io::Write as _;

use super::*;

fn stream(name: &str, bytes: &[u8], options: &ReadOptions) -> Vec<(i64, Batch)> {
    match read(name, bytes.to_vec(), options).unwrap() {
        Data::Stream(batches) => batches.iter().flat_map(single_points).collect(),
        Data::Batches(_) => panic!("{name} holds batches"),
    }
}

fn error(name: &str, text: &str) -> String {
    read(name, text.as_bytes().to_vec(), &ReadOptions::default())
        .unwrap_err()
        .to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

/// An archive as recordings of batches are: one deflated, one stored entry.
fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content, deflated) in files {
        let data = if *deflated {
            let mut to = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(content).unwrap();
            to.finish().unwrap()
        } else {
            content.to_vec()
        };
        let method = if *deflated { 8u16 } else { 0 };
        let at = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04\x14\0\0\0");
        bytes.extend(method.to_le_bytes());
        // Time, date, checksum.
        bytes.extend([0; 8]);
        for size in [data.len() as u32, content.len() as u32] {
            bytes.extend(size.to_le_bytes());
        }
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        bytes.extend(&data);
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0");
        directory.extend(method.to_le_bytes());
        directory.extend([0; 8]);
        for size in [data.len() as u32, content.len() as u32] {
            directory.extend(size.to_le_bytes());
        }
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, size, at) = (files.len() as u16, directory.len() as u32, bytes.len() as u32);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

#[test]
fn a_stream_recording_keeps_its_order_and_its_databases() {
    let text = "db\nrp\nm v=1 10\nother\nrp\nm v=2 20\ndb\nrp\nm v=3 15\n";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let points = stream("a.srpl", &bytes, &ReadOptions::default());
        let seen: Vec<(i64, &str)> = points
            .iter()
            .map(|(time, batch)| (*time, &*batch.blocks[0].database))
            .collect();
        assert_eq!(seen, [(10, "db"), (20, "other"), (15, "db")]);
    }
    assert_eq!(
        error("a.srpl", "db\nrp\nm v=1 10\ndb\nrp\nm v=x 10\n")
            .split(": ")
            .next(),
        Some("a.srpl:6")
    );
    assert!(error("a.srpl", "db\nrp\n").starts_with("a.srpl:2: the recording ends within a point"));
}

#[test]
fn formats_are_known_by_how_they_begin() {
    for (text, expected) in [
        ("{\"name\":\"m\"}", Format::Brpl),
        ("m,host=a v=1 10", Format::Line),
        ("# a comment\nm v=1 10", Format::Line),
        ("name,tags,time,value\n", Format::Csv),
        ("telegraf\nautogen\nm v=1 10", Format::Srpl),
    ] {
        assert_eq!(Format::by_text(text), expected, "{text}");
    }
    assert_eq!(Format::by_name("x.LP.gz"), Some(Format::Line));
    assert_eq!(Format::by_name("x.txt"), None);
}

#[test]
fn line_protocol_needs_times_and_names_wrong_lines() {
    let options = ReadOptions {
        precision: Precision::Second,
        ..ReadOptions::default()
    };
    let points = stream("a.lp", b"# comment\nm v=1 2\n\nm s=\"x 1\" 3\n", &options);
    assert_eq!(
        points
            .iter()
            .map(|(time, _)| time / 1_000_000_000)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert!(error("a.lp", "m v=1 2\nm v=1\n").starts_with("a.lp:2: the point has no time"));
    let text = error("a.lp", "m v= 2\nm v=1 2\nm 2\n");
    assert!(
        text.starts_with("a.lp:1: ") && text.contains("line 3: "),
        "{text}"
    );
    assert_eq!(
        read("a.lp", b"m v=1 2\n\xff".to_vec(), &options)
            .unwrap_err()
            .line,
        Some(2)
    );
}

#[test]
fn tables_are_read_in_both_forms() {
    let options = ReadOptions {
        tags: vec!["host".into()],
        measurement: Some("cpu".into()),
        precision: Precision::Second,
        ..ReadOptions::default()
    };
    let text = "time,host,usage,n:int,note\n1,a,1.5,3,\"x, y\"\n1970-01-01T00:00:02Z,b,,4i,\n";
    let points = stream("a.csv", text.as_bytes(), &options);
    let show = |(time, batch): &(i64, Batch)| {
        let row = crate::world::rows(&batch.blocks[0], None).next().unwrap();
        format!("{} {} {time}", row.key(), row.values())
    };
    assert_eq!(
        points.iter().map(show).collect::<Vec<_>>(),
        [
            "cpu,host=a n=3i,note=\"x, y\",usage=1.5 1000000000",
            "cpu,host=b n=4i 2000000000"
        ]
    );
    let text = "name,tags,time,value\ncpu,\"host=a,region=b\",10,1\n\nname,time,up\nnet,20,true\n";
    let points = stream("a.csv", text.as_bytes(), &ReadOptions::default());
    assert_eq!(
        points.iter().map(show).collect::<Vec<_>>(),
        ["cpu,host=a,region=b value=1 10", "net up=true 20"]
    );
    for (text, line) in [
        ("name,value\nm,1\n", 1),
        ("time,value\n1,1\n", 1),
        ("name,time,value\nm,1,1\nm,2\n", 3),
        ("name,time,value\nm,soon,1\n", 2),
        ("name,time,value:int\nm,1,1.5\n", 2),
        ("#datatype,string\n", 1),
    ] {
        let text = error("a.csv", text);
        assert!(text.starts_with(&format!("a.csv:{line}: ")), "{text}");
    }
}

#[test]
fn batch_recordings_come_alone_and_in_archives() {
    let one: &[u8] =
        b"{\"name\":\"m\",\"points\":[{\"fields\":{\"v\":1},\"time\":\"1970-01-01T00:00:01Z\"}]}\n";
    let two = [one, one].concat();
    let count = |bytes: Vec<u8>| match read("a.brpl", bytes, &ReadOptions::default()).unwrap() {
        Data::Batches(all) => all.iter().map(Vec::len).collect::<Vec<_>>(),
        Data::Stream(_) => Vec::new(),
    };
    assert_eq!(count(two.clone()), [2]);
    assert_eq!(count(gzip(one)), [1]);
    let archive = zip(&[("0", one, false), ("1", &two, true)]);
    assert_eq!(count(archive.clone()), [1, 2]);
    let broken = read("a.brpl", archive[..40].to_vec(), &ReadOptions::default()).unwrap_err();
    assert_eq!(broken.to_string(), "a.brpl: the zip archive is broken");
    assert_eq!(error("a.brpl", "{}\n{\n").split(": ").next(), Some("a.brpl:3"));
}
