"""The forms of an account. They only ask; the rules are identity's."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AccountForm(forms.Form):
    """A form that starts at its first field, or at the first one that has to be mended."""

    def start_here(self) -> None:
        """Puts the cursor where the person goes on. Call it when all errors are known."""
        wrong = [name for name in self.fields if name in self.errors]
        for name, field in self.fields.items():
            field.widget.attrs["autofocus"] = name == (wrong or list(self.fields))[0]


class SignInForm(AccountForm):
    """Username or address, and the password."""

    login = forms.CharField(
        label=_("E-mail address or username"),
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignUpForm(AccountForm):
    """What the LMS asks of a new person. ``identity.sign_up`` judges all of it at once, empty fields, too."""

    name = forms.CharField(
        required=False,
        label=_("Full name"),
        widget=forms.TextInput(attrs={"required": True, "autocomplete": "name"}),
        help_text=_("As it should stand in messages and on certificates."),
    )
    email = forms.CharField(
        required=False,
        label=_("E-mail address"),
        widget=forms.EmailInput(attrs={"required": True, "autocomplete": "email", "spellcheck": "false"}),
        help_text=_("We send a link to it, to make sure that it is yours."),
    )
    username = forms.CharField(
        required=False,
        label=_("Public username"),
        widget=forms.TextInput(
            attrs={
                "required": True,
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
        help_text=_("2 to 30 letters (A to Z), digits, hyphens or underscores. It cannot be changed later."),
    )
    password = forms.CharField(
        required=False,
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"required": True, "autocomplete": "new-password"}),
        help_text=_("At least 8 characters, not only digits, and not one that everybody uses."),
    )
    terms_of_service = forms.BooleanField(
        required=False,
        label=_("I agree to the terms of service and the honor code."),
        widget=forms.CheckboxInput(attrs={"required": True}),
    )
