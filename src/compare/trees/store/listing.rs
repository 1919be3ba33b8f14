//! A page of a listing, as S3 and Azure Blob answer it: names as they are, with the digests that stand there.
//!
//! The client's own reading of it knows no digest but the ETag, and gives up the whole page for one name that its
//! paths cannot have. So a page is read here, on its way to the client, which is left with the mark of the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use quick_xml::events::Event;
use quick_xml::{Reader, escape};

/// An object of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) e_tag: Option<String>,
    /// Azure's `Content-MD5`.
    pub(super) md5: Option<[u8; 16]>,
    /// An entry for a folder, as stores with a hierarchical namespace have it.
    pub(super) folder: bool,
}

/// What a response to a listing carries to whoever asked.
#[derive(Clone, Debug)]
pub(super) struct Page(pub(super) Arc<Vec<Object>>);

/// Connects as the client does by itself, and reads listings on the way.
#[derive(Debug)]
pub(in super::super) struct Listings;

impl HttpConnector for Listings {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Listening(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Listening(HttpClient);

impl HttpService for Listening {
    fn call<'s, 'a>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>
    where
        's: 'a,
        Self: 'a,
    {
        let query = request.uri().query().unwrap_or_default();
        let listing = query.split('&').any(|part| part == "list-type=2" || part == "comp=list");
        Box::pin(async move {
            let response = self.0.execute(request).await?;
            if !listing || !response.status().is_success() {
                return Ok(response);
            }
            let (mut parts, body) = response.into_parts();
            let (objects, next) =
                page(&body.bytes().await?).map_err(|why| HttpError::new(HttpErrorKind::Decode, why))?;
            parts.extensions.insert(Page(Arc::new(objects)));
            parts.headers.remove("content-length");
            Ok(HttpResponse::from_parts(parts, rest(&next).into()))
        })
    }
}

/// A page without objects, in a form that both kinds of client read, with the mark of the next.
fn rest(next: &str) -> String {
    let next = escape::escape(next);
    // Each client takes its own and passes over the other's.
    format!(
        "<R><Blobs/><NextMarker>{next}</NextMarker>{}</R>",
        match &*next {
            "" => String::new(),
            next => format!("<NextContinuationToken>{next}</NextContinuationToken>"),
        }
    )
}

/// The objects of a page, and the mark of the next; empty on the last.
fn page(body: &[u8]) -> Result<(Vec<Object>, String), quick_xml::Error> {
    let mut reader = Reader::from_reader(body);
    let (mut objects, mut next) = (Vec::new(), String::new());
    let mut object: Option<Object> = None;
    let (mut text, mut encoded) = (String::new(), false);
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                text.clear();
                encoded =
                    tag.attributes().flatten().any(|a| a.key.as_ref() == b"Encoded" && &*a.value == b"true");
                if [b"Contents".as_slice(), b"Blob"].contains(&tag.local_name().as_ref()) {
                    object = Some(Object::default());
                }
            }
            Event::Text(some) => text.push_str(&some.decode()?),
            Event::CData(some) => text.push_str(&some.decode()?),
            Event::GeneralRef(some) => match some.resolve_char_ref()? {
                Some(char) => text.push(char),
                None => text.push_str(escape::resolve_predefined_entity(&some.decode()?).unwrap_or_default()),
            },
            Event::End(tag) => match (tag.local_name().as_ref(), &mut object) {
                (b"Contents" | b"Blob", _) => {
                    // An object of no bytes whose name ends in a slash is how tools mark a folder.
                    objects
                        .extend(object.take().filter(|o| !(o.folder || o.size == 0 && o.key.ends_with('/'))));
                }
                (b"Key" | b"Name", Some(object)) => {
                    let decoded = encoded.then(|| super::super::ssh::decoded(&text)).flatten();
                    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
                    object.key = decoded.unwrap_or_else(|| std::mem::take(&mut text));
                }
                (b"Size" | b"Content-Length", Some(object)) => object.size = text.trim().parse().unwrap_or(0),
                (b"ETag" | b"Etag", Some(object)) => object.e_tag = Some(std::mem::take(&mut text)),
                (b"Content-MD5", Some(object)) => {
                    object.md5 = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
                }
                (b"ResourceType", Some(object)) => object.folder = text == "directory",
                (b"NextContinuationToken" | b"NextMarker", None) => next = std::mem::take(&mut text),
                _ => {}
            },
            Event::Eof => return Ok((objects, next)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, size: u64, e_tag: &str, md5: Option<[u8; 16]>) -> Object {
        Object { key: key.to_owned(), size, e_tag: Some(e_tag.to_owned()), md5, folder: false }
    }

    #[test]
    fn a_page_of_s3_is_read() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>a/</Prefix>
<NextContinuationToken>more&amp;more</NextContinuationToken><IsTruncated>true</IsTruncated>
<Contents><Key>a/x &lt;&#10;&gt;</Key><ETag>&quot;900150983cd24fb0d6963f7d28e17f72&quot;</ETag><Size>3</Size>
<Owner><ID>1</ID></Owner></Contents>
<Contents><Key>a/folder/</Key><ETag>"d41d8cd98f00b204e9800998ecf8427e"</ETag><Size>0</Size></Contents>
<Contents><Key>a//y</Key><ETag>"1-2"</ETag><Size>9</Size></Contents></ListBucketResult>"#;
        let (objects, next) = page(body.as_bytes()).unwrap();
        let tag = "\"900150983cd24fb0d6963f7d28e17f72\"";
        assert_eq!(objects, [object("a/x <\n>", 3, tag, None), object("a//y", 9, "\"1-2\"", None)]);
        assert_eq!(next, "more&more");
        assert_eq!(page(rest(&next).as_bytes()).unwrap(), (Vec::new(), next));
        assert!(!rest("").contains("Continuation"), "the last page has no mark");
    }

    #[test]
    fn a_page_of_azure_is_read() {
        let body = r#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>
<Blob><Name>a/x</Name><Properties><Content-Length>3</Content-Length><Etag>0x8D</Etag>
<Content-MD5>kAFQmDzST7DWlj99KOF/cg==</Content-MD5><ResourceType>file</ResourceType></Properties></Blob>
<Blob><Name>a</Name><Properties><Content-Length>0</Content-Length><Etag>0x8E</Etag>
<ResourceType>directory</ResourceType></Properties></Blob>
<Blob><Name Encoded="true">a%01b</Name><Properties><Content-Length>1</Content-Length><Etag>1</Etag><Content-MD5/>
</Properties></Blob></Blobs><NextMarker/></EnumerationResults>"#;
        let (objects, next) = page(body.as_bytes()).unwrap();
        let md5 =
            [0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72];
        assert_eq!(objects, [object("a/x", 3, "0x8D", Some(md5)), object("a\u{1}b", 1, "1", None)]);
        assert_eq!(next, "");
    }
}
