//! The JSON Schema of a step.

/// A request, or several.
pub(crate) const PAYLOAD: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "A request to the API, or a list of them, and what is expected of the answers.",
  "anyOf": [
    { "$ref": "#/$defs/request" },
    { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/request" } }
  ],
  "$defs": {
    "request": {
      "type": "object",
      "properties": {
        "method": { "type": "string", "description": "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, or another one." },
        "path": { "type": "string", "description": "Below the base URL. `${captured.NAME}` is encoded as one segment." },
        "query": { "type": "object", "additionalProperties": { "$ref": "#/$defs/values" } },
        "headers": { "type": "object", "additionalProperties": { "$ref": "#/$defs/values" } },
        "body": { "description": "A text is sent as it is, anything else as JSON." },
        "expect": {
          "type": "object",
          "properties": {
            "status": {
              "description": "200, \"2xx\", \"200-204\", or a list of these; \"2xx\" where nothing is said.",
              "anyOf": [
                { "$ref": "#/$defs/status" },
                { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/status" } }
              ]
            },
            "json": {
              "description": "JSON pointers into the answer, and what must stand there.",
              "type": "object",
              "propertyNames": { "$ref": "#/$defs/pointer" }
            }
          },
          "additionalProperties": false
        },
        "capture": {
          "description": "Names, and JSON pointers into the answer: `${captured.NAME}` is what stands there.",
          "type": "object",
          "additionalProperties": { "$ref": "#/$defs/pointer" }
        }
      },
      "required": ["method", "path"],
      "additionalProperties": false
    },
    "status": {
      "anyOf": [
        { "type": "integer", "minimum": 100, "maximum": 599 },
        { "type": "string", "pattern": "^([1-5][xX][xX]|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$" }
      ]
    },
    "pointer": { "type": "string", "pattern": "^(/.*)?$" },
    "value": { "type": ["string", "number", "boolean"] },
    "values": { "anyOf": [{ "$ref": "#/$defs/value" }, { "type": "array", "items": { "$ref": "#/$defs/value" } }] }
  }
}"##;
