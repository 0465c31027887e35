"""Attacks, each with its answer, the memory of the process that is attacked, and the time. What is attacked where:

line ends that smuggle, NUL            test_smtp; tests.smtp.test_pipelining, test_maildata (every bare CR and LF)
header injection                       test_smtp (names, subjects), test_fields (the API); tests.mail.test_letters
dial strings                           test_smtp (numbers); tests.lines.freeswitch.test_command (names, station ids,
                                       header lines), test_originate
file names                             test_smtp; tests.mail.test_filenames
MIME: deep, many parts, mails in mails,
Base64, uuencode, TNEF, charsets       test_smtp; tests.smtp.test_message, tests.documents.test_mail
headers: large, many; signatures       test_smtp; the same of HTTP: test_http
thousands of recipients                test_smtp; tests.smtp.test_limits
slow clients, and who does not read    test_smtp, test_http; tests.smtp.test_limits (a mail that drips), test_tls
connections of one peer                test_http; tests.smtp.test_limits
ZIP bombs                              test_documents; tests.documents.test_office
picture bombs                          test_documents; tests.documents.test_hostile, test_pictures
SVG, HTML: entities, files, addresses  test_documents; tests.documents.test_html, tests.test_sandbox
PDF bombs, scripts, /Launch            test_documents; tests.documents.test_hostile
document URLs that lead inside         tests.test_fetching
secrets in logs and answers            test_secrets
what nobody thought of                 test_fuzz, and for longer `make fuzz`
"""
