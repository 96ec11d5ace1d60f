"""The parts of Python's library that a source file may import: a plugin has no files to read others from."""

import abc, argparse, array, ast, base64, binascii, bisect, calendar, cmath, codecs, collections, collections.abc, colorsys
import configparser, contextlib, contextvars, copy, csv, dataclasses, datetime, decimal, difflib, email.utils, enum
import fnmatch, fractions, functools, gettext, graphlib, gzip, hashlib, heapq, hmac, html, html.parser, inspect, io
import ipaddress, itertools, json, keyword, linecache, locale, logging, math, numbers, operator, os, os.path, pathlib
import posixpath, pprint, random, re, secrets, shlex, statistics, string, struct, sys, tempfile, textwrap, time, timeit
import tokenize, tomllib, traceback, types, typing, unicodedata, urllib.parse, uuid, warnings, weakref, xml.etree.ElementTree
import zlib, zoneinfo
