//! What the command line takes and refuses, and its help.

use clap::CommandFactory;

use super::*;

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn limits_are_taken_as_the_option_and_as_the_configuration_write_them() {
    for text in ["300,3000,12000", "300/3000/12000", " 300, 3000 ,12000"] {
        assert_eq!(three(text), Ok([300, 3_000, 12_000]), "{text}");
    }
    for text in ["", "300", "300,3000", "300,3000,12000,1", "300,-1,5", "a,b,c"] {
        assert!(three(text).unwrap_err().contains("300/3000/12000"), "{text}");
    }
}

#[test]
fn a_checkout_has_a_number_above_0() {
    let parsed = |number: &str| Cli::try_parse_from(["schakel", "sync", "--checkout", number]).is_ok();
    assert!(parsed("1") && !parsed("0") && !parsed("=-5"));
}

#[test]
fn the_help_is_what_was_last_agreed() {
    let mut text = Cli::command().render_long_help().to_string();
    for command in Cli::command().get_subcommands_mut() {
        let help = command.render_help();
        text += &format!("\n--- {} ---\n{help}", command.get_name());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_mistyped_command_gets_a_suggestion() {
    let error = Cli::try_parse_from(["schakel", "srve"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("'serve'"), "{error}");
}

#[test]
fn flags_of_serve_lie_over_the_configuration() {
    let cli = Cli::try_parse_from([
        "schakel",
        "serve",
        "--data",
        "d",
        "--set",
        "hub.log=debug",
        "--json",
    ])
    .unwrap();
    assert_eq!(cli.set, [("hub.log".to_owned(), "debug".to_owned())]);
    let Command::Serve(args) = cli.command else {
        panic!("another command")
    };
    assert_eq!(args.over_config(), [("hub.data".to_owned(), "d".to_owned())]);
    assert!(cli.json);
}
