// What a function in Node does before it can take its first event: the SDK is loaded, a client is made,
// the next event is asked for. It does not have Lambda's own runtime around it, which would load as well.
import http from "node:http";
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
export const commands = { client, GetItemCommand, TransactWriteItemsCommand };

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
http.get({ host, port, path: "/2018-06-01/runtime/invocation/next" }, (answer) => answer.resume());
