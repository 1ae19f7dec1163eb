namespace Edifice.C;

/// <summary><c>edifice_status</c>.</summary>
internal enum Status
{
    Ok = 0,
    NullArgument = 1,
    BadHandle = 2,
    WrongLength = 3,
    OutOfRange = 4,
    BadOption = 5,
    NotFound = 6,
    BadFile = 7,
    Busy = 8,
    OutOfMemory = 9,
    Internal = 10,
}

/// <summary>A call from C that breaks a rule of the header.</summary>
internal sealed class CallException(Status status, string message) : Exception(message)
{
    public Status Status { get; } = status;
}
